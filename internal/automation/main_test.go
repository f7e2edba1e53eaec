package automation_test

import (
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

func TestMain(m *testing.M) { acctest.Main(m) }
