// Command aws stands in for the provider hashicorp/aws in tests of examples: it
// stores what the resources in them are given, and asks nobody.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/stub"
)

func main() {
	if err := stub.AWS().Serve(context.Background(), "registry.terraform.io/hashicorp/aws"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
