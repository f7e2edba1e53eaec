// Command terraform-provider-cml is the Terraform provider that runs Cisco
// Modeling Labs servers on AWS EC2. Terraform starts it; it is of no use by
// itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/cml-infra/terraform-provider-cml/internal/provider"
)

// version and commit are set by the build.
var (
	version = "dev"
	commit  = ""
)

func main() {
	debug := flag.Bool("debug", false, "serve for a debugger: print what TF_REATTACH_PROVIDERS must be")
	printVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()

	if *printVersion {
		fmt.Fprintln(os.Stdout, strings.TrimSpace("terraform-provider-cml "+version+" "+commit))
		return
	}
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address:         provider.Address,
		Debug:           *debug,
		ProtocolVersion: 6,
	})
	if err != nil {
		log.Fatal(err)
	}
}
