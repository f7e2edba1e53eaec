package awsconf_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// A question that takes too long is an answer, in words, and is kept. One that
// its caller gave up is none.
func TestAskTakesTooLong(t *testing.T) {
	t.Parallel()
	var answers awsconf.Answers
	asked := 0
	question := func(ctx context.Context) (int, error) {
		asked++
		<-ctx.Done()
		return 0, fmt.Errorf("https response error: canceled: %w", ctx.Err())
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := awsconf.Ask(given, &answers, "key", time.Minute, question); !fault.Is(err, fault.Canceled) {
		t.Errorf("given up: %v", err)
	}
	asked = 0
	for range 2 {
		_, err := awsconf.Ask(t.Context(), &answers, "other key", time.Millisecond, question)
		if !fault.Is(err, fault.Timeout) || err.Error() != "no answer within 1ms" {
			t.Errorf("too long: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
