// Command terraform-provider-cml is the Terraform provider that runs Cisco
// Modeling Labs servers on AWS EC2. Terraform starts it; it is of no use by
// itself.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

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
	if err := provider.Serve(version, *debug); err != nil {
		log.Fatal(err)
	}
}
