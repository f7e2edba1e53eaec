package worker_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
)

// with is the smallest worker, changed; a nil value removes an argument.
func with(change map[string]any) map[string]any {
	out := map[string]any{
		"name": "lab-01", "ami_id": image, "instance_type": "m8i.2xlarge",
		"subnet_ids": []any{subnetA}, "security_group_ids": []any{groupID},
	}
	maps.Copy(out, change)
	return out
}

// noise is text that hardly compresses.
func noise(n int) string {
	r, b := rand.NewChaCha8([32]byte{1}), make([]byte, n)
	_, _ = r.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)[:n]
}

// TestValidate has a wrong value of each argument: the diagnostic points at it
// and says what to write instead.
func TestValidate(t *testing.T) {
	type object = map[string]any
	worker := protocol.Unconfigured(t).Resource("cml_worker")
	for name, c := range map[string]struct {
		change object
		// at is the argument that the diagnostic points at, says a text in it.
		at, says string
	}{
		"name empty":               {object{"name": ""}, "name", "1 to 255 characters"},
		"name too long":            {object{"name": strings.Repeat("x", 256)}, "name", "at most 255"},
		"name of two lines":        {object{"name": "lab\n01"}, "name", "on one line"},
		"region":                   {object{"region": "useast1"}, "region", `"us-east-1"`},
		"region is a zone":         {object{"region": "us-east-1a"}, "region", `The region is "us-east-1"`},
		"image of another kind":    {object{"ami_id": "i-0123456789abcdef0"}, "ami_id", "ami-0123456789abcdef0"},
		"image twice":              {object{"ami_filter": object{"name_pattern": "CML-*"}}, "ami_filter", "ami_id"},
		"pattern empty":            {object{"ami_id": nil, "ami_filter": object{"name_pattern": ""}}, "ami_filter.name_pattern", "between 1 and 128"},
		"owners empty":             {object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-*", "owners": []any{}}}, "ami_filter.owners", "at least 1"},
		"owner":                    {object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-*", "owners": []any{"me"}}}, "ami_filter.owners", "self"},
		"version of the image":     {object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-*", "cml_version": "latest"}}, "ami_filter.cml_version", `"2.9.0"`},
		"architecture":             {object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-*", "architecture": "amd64"}}, "ami_filter.architecture", "x86_64"},
		"on_newer":                 {object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-*", "on_newer": "replace"}}, "ami_filter.on_newer", "warn"},
		"expected version":         {object{"expected_cml_version": "two"}, "expected_cml_version", `"2.9.0"`},
		"instance type":            {object{"instance_type": "M8i-2xlarge"}, "instance_type", `"m8i.2xlarge"`},
		"type and menu":            {object{"instance_types": []any{"m8i.2xlarge"}}, "instance_type", "instance_types"},
		"menu empty":               {object{"instance_type": nil, "instance_types": []any{}}, "instance_types", "at least 1"},
		"menu with a wrong type":   {object{"instance_type": nil, "instance_types": []any{"m8i.2xlarge", "big"}}, "instance_types[1]", `"m8i.2xlarge"`},
		"menu twice the same":      {object{"instance_type": nil, "instance_types": []any{"m8i.2xlarge", "m8i.2xlarge"}}, "instance_types", "duplicate"},
		"subnet of another kind":   {object{"subnet_ids": []any{subnetA, "vpc-0123456789abcdef0"}}, "subnet_ids[1]", "subnet-0123456789abcdef0"},
		"no subnet":                {object{"subnet_ids": []any{}}, "subnet_ids", "at least 1"},
		"group by name":            {object{"security_group_ids": []any{"default"}}, "security_group_ids", "sg-0123456789abcdef0"},
		"no group":                 {object{"security_group_ids": []any{}}, "security_group_ids", "at least 1"},
		"key empty":                {object{"key_name": ""}, "key_name", "between 1 and 255"},
		"key too long":             {object{"key_name": strings.Repeat("k", 256)}, "key_name", "between 1 and 255"},
		"profile empty":            {object{"iam_instance_profile": ""}, "iam_instance_profile", "between 1 and"},
		"address is a network":     {object{"network": object{"private_ip": "10.0.1.0/24"}}, "network.private_ip", "Write one address"},
		"address with two subnets": {object{"network": object{"private_ip": "10.0.1.20"}, "subnet_ids": []any{subnetA, subnetB}}, "network.private_ip", "exactly that one in subnet_ids"},
		"address without subnet":   {object{"network": object{"private_ip": "10.0.1.20"}, "subnet_ids": nil}, "network.private_ip", "exactly that one in subnet_ids"},
		"allocation":               {object{"network": object{"eip": object{"allocation_id": "198.51.100.7"}}}, "network.eip.allocation_id", "eipalloc-0123456789abcdef0"},
		"allocation twice":         {object{"network": object{"eip": object{"allocation_id": "eipalloc-0123456789abcdef0", "allocate": true}}}, "network.eip.allocation_id", "allocate"},
		"no allocation":            {object{"network": object{"eip": object{}}}, "network.eip.allocation_id", "allocate"},
		"allocate false":           {object{"network": object{"eip": object{"allocate": false}}}, "network.eip.allocate", "true"},
		"addresses below none":     {object{"network": object{"ipv6_address_count": -1}}, "network.ipv6_address_count", "between 0 and"},
		"nested virtualisation":    {object{"nested_virtualization": "on"}, "nested_virtualization", "enabled"},
		"market":                   {object{"market": object{"type": "reserved"}}, "market.type", "spot"},
		"price":                    {object{"market": object{"type": "spot", "max_price": "0"}}, "market.max_price", `"2.50"`},
		"price with a currency":    {object{"market": object{"type": "spot", "max_price": "$2"}}, "market.max_price", `"2.50"`},
		"price without spot":       {object{"market": object{"type": "on_demand", "max_price": "2.50"}}, "market.max_price", `type = "spot"`},
		"interruption":             {object{"market": object{"type": "spot", "interruption": "hibernate"}}, "market.interruption", "terminate"},
		"interruption, no spot":    {object{"market": object{"type": "on_demand", "interruption": "stop"}}, "market.interruption", `type = "spot"`},
		"spot protected":           {object{"market": object{"type": "spot"}, "protection": object{"termination": true}}, "protection", "remove protection"},
		"spot kept from stopping":  {object{"market": object{"type": "spot"}, "protection": object{"stop": true}}, "protection", "remove protection"},

		"size negative":            {object{"root_volume": object{"size_gib": -10}}, "root_volume.size_gib", "between 1 and"},
		"volume type":              {object{"root_volume": object{"type": "ssd"}}, "root_volume.type", "gp3"},
		"iops negative":            {object{"root_volume": object{"type": "gp3", "iops": -1}}, "root_volume.iops", "between 100 and"},
		"iops of gp2":              {object{"root_volume": object{"type": "gp2", "iops": 3000}}, "root_volume.iops", "use type gp3, io1 or io2"},
		"no iops of io2":           {object{"root_volume": object{"type": "io2"}}, "root_volume.iops", "needs iops"},
		"throughput negative":      {object{"root_volume": object{"throughput": -1}}, "root_volume.throughput", "between 125 and"},
		"throughput of io1":        {object{"root_volume": object{"type": "io1", "iops": 3000, "throughput": 250}}, "root_volume.throughput", "use type gp3"},
		"key without encryption":   {object{"root_volume": object{"encrypted": false, "kms_key_id": "alias/cml"}}, "root_volume.kms_key_id", "encrypted = true"},
		"KMS key empty":            {object{"root_volume": object{"kms_key_id": ""}}, "root_volume.kms_key_id", "between 1 and"},
		"tokens":                   {object{"metadata_options": object{"http_tokens": "off"}}, "metadata_options.http_tokens", "required"},
		"hop limit":                {object{"metadata_options": object{"http_put_response_hop_limit": 0}}, "metadata_options.http_put_response_hop_limit", "between 1 and 64"},
		"user data twice":          {object{"user_data": "a", "user_data_base64": "YQ=="}, "user_data", "user_data_base64"},
		"user data and write-only": {object{"user_data": "a", "user_data_wo": "b", "user_data_wo_version": 1}, "user_data_wo", "user_data"},
		"user data too large":      {object{"user_data": noise(40 << 10)}, "user_data", "fetch it at its first boot"},
		"user data not base64":     {object{"user_data_base64": "#cloud-config"}, "user_data_base64", "base64encode()"},
		"binary data too large":    {object{"user_data_base64": base64.StdEncoding.EncodeToString([]byte(noise(40 << 10)))}, "user_data_base64", "first boot"},
		"write-only too large":     {object{"user_data_wo": noise(40 << 10), "user_data_wo_version": 1}, "user_data_wo", "first boot"},
		"write-only, no version":   {object{"user_data_wo": "a"}, "user_data_wo", "user_data_wo_version"},
		"version, no write-only":   {object{"user_data_wo_version": 1}, "user_data_wo_version", "set user_data_wo, or remove"},
		"version below one":        {object{"user_data_wo": "a", "user_data_wo_version": 0}, "user_data_wo_version", "at least 1"},
		"change of user data":      {object{"user_data_change": "rerun"}, "user_data_change", "restart"},
		"restart against stop":     {object{"user_data": "a", "user_data_change": "restart", "protection": object{"stop": true}}, "user_data_change", `use "ignore" or "replace"`},

		"host name with scheme":   {object{"controller": object{"hostname": "https://lab"}}, "controller.hostname", `"lab-01.example.net"`},
		"host name is an address": {object{"controller": object{"hostname": "192.0.2.1"}}, "controller.hostname", `"lab-01.example.net"`},
		"port":                    {object{"controller": object{"port": 70000}}, "controller.port", "between 1 and 65535"},
		"preference":              {object{"controller": object{"address_preference": []any{"dns"}}}, "controller.address_preference[0]", "public_ip"},
		"preference empty":        {object{"controller": object{"address_preference": []any{}}}, "controller.address_preference", "at least 1"},
		"way":                     {object{"controller": object{"via": "vpn"}}, "controller.via", "proxy"},
		"trust":                   {object{"controller": object{"tls": object{"trust": "none"}}}, "controller.tls.trust", "pin_first"},
		"authority":               {object{"controller": object{"tls": object{"cacert": "ca.pem"}}}, "controller.tls.cacert", `file("cml-ca.pem")`},
		"fingerprint":             {object{"controller": object{"tls": object{"fingerprint": "AA:BB"}}}, "controller.tls.fingerprint", "64 hexadecimal digits"},
		"two references":          {object{"controller": object{"credentials": object{"secretsmanager_secret_id": "a", "ssm_parameter_name": "b"}}}, "controller.credentials.secretsmanager_secret_id", "ssm_parameter_name"},
		"no reference":            {object{"controller": object{"credentials": object{}}}, "controller.credentials.secretsmanager_secret_id", "ssm_parameter_name"},
		"rung":                    {object{"readiness": object{"until": "booted"}}, "readiness.until", "status_ok"},
		"wait without unit":       {object{"readiness": object{"timeout": "600"}}, "readiness.timeout", `"600s"`},
		"wait negative":           {object{"readiness": object{"timeout": "-5m"}}, "readiness.timeout", "between"},
		"wait above create":       {object{"readiness": object{"timeout": "50m"}}, "readiness.timeout", "raise timeouts.create"},
		"wait above update":       {object{"readiness": object{"timeout": "20m"}, "timeouts": object{"update": "10m"}}, "readiness.timeout", "raise timeouts.update"},
		"pause without unit":      {object{"readiness": object{"interval": "5"}}, "readiness.interval", `"5s"`},
		"pause of nothing":        {object{"readiness": object{"interval": "0s"}}, "readiness.interval", "between"},
		"hold without unit":       {object{"readiness": object{"stable_for": "30"}}, "readiness.stable_for", `"30s"`},
		"hold negative":           {object{"readiness": object{"stable_for": "-30s"}}, "readiness.stable_for", "between"},
		"lowest version":          {object{"readiness": object{"min_version": "v2"}}, "readiness.min_version", `"2.9.0"`},
		"computes":                {object{"readiness": object{"min_ready_computes": 0}}, "readiness.min_ready_computes", "at least 1"},
		"on_timeout":              {object{"readiness": object{"on_timeout": "ignore"}}, "readiness.on_timeout", "keep"},
		"licence check":           {object{"license_check": "strict"}, "license_check", "require"},
		"licence of the destroy":  {object{"on_destroy": object{"deregister_license": "always"}}, "on_destroy.deregister_license", "skip"},
		"mode of the destroy":     {object{"on_destroy": object{"mode": "hard"}}, "on_destroy.mode", "graceful"},
		"tag Name":                {object{"tags": object{"Name": "other"}}, `tags["Name"]`, "remove it from tags"},
		"tag of AWS":              {object{"tags": object{"AWS:owner": "me"}}, `tags["AWS:owner"]`, "Choose another key"},
		"tag key empty":           {object{"tags": object{"": "x"}}, `tags[""]`, "1 to 128"},
		"tag key too long":        {object{"tags": object{strings.Repeat("k", 129): "x"}}, fmt.Sprintf("tags[%q]", strings.Repeat("k", 129)), "1 to 128"},
		"tag value too long":      {object{"tags": object{"Owner": strings.Repeat("v", 257)}}, `tags["Owner"]`, "at most 256"},
		"limit without unit":      {object{"timeouts": object{"create": "30"}}, "timeouts.create", `"30s"`},
		"limit negative":          {object{"timeouts": object{"update": "-5m"}}, "timeouts.update", "between"},
		"limit of nothing":        {object{"timeouts": object{"delete": "0s"}}, "timeouts.delete", "between"},
	} {
		t.Run(name, func(t *testing.T) {
			found := worker.Validate(worker.Config(with(c.change)))
			for _, d := range found {
				if protocol.Path(d) == c.at && d.Severity == protocol.Failure && strings.Contains(d.Detail, c.says) {
					return
				}
			}
			t.Errorf("nothing at %s says %q:\n%s", c.at, c.says, protocol.Show(found))
		})
	}
}

// Secrets do not travel in what is said about them.
func TestValidateKeepsUserDataToItself(t *testing.T) {
	worker := protocol.Unconfigured(t).Resource("cml_worker")
	secret := noise(40 << 10)
	for _, argument := range []string{"user_data", "user_data_base64", "user_data_wo"} {
		found := worker.Validate(worker.Config(with(map[string]any{argument: "!" + secret})))
		if !protocol.Has(found, protocol.Failure, "") || strings.Contains(protocol.Show(found), secret[:40]) {
			t.Errorf("%s:\n%s", argument, protocol.Show(found))
		}
	}
}

// TestValidatePasses has what must not be refused: values that are unknown yet,
// and the ends of what is allowed.
func TestValidatePasses(t *testing.T) {
	type object = map[string]any
	worker := protocol.Unconfigured(t).Resource("cml_worker")
	unknown := protocol.Unknown{}
	for name, change := range map[string]object{
		"smallest":       nil,
		"longest name":   {"name": strings.Repeat("ö", 255)},
		"longest tag":    {"tags": object{strings.Repeat("ö", 128): strings.Repeat("ö", 256)}},
		"compressible":   {"user_data": strings.Repeat("#cloud-config\n", 5000)},
		"16 KiB":         {"user_data": noise(16 << 10)},
		"foreign ids":    {"ami_id": "ami-1a2b3c4d", "subnet_ids": []any{"subnet-7"}, "security_group_ids": []any{"sg-x1"}},
		"ephemeral data": {"user_data_wo": unknown, "user_data_wo_version": 1},
		"short limit":    {"timeouts": object{"create": "5m"}}, // the default wait of 10m ends with it
		"unknown": {"name": unknown, "ami_id": unknown, "instance_type": unknown, "subnet_ids": unknown, "tags": unknown, "network": unknown,
			"root_volume": unknown, "readiness": unknown, "controller": unknown, "market": unknown, "protection": unknown, "on_destroy": unknown, "user_data": unknown},
		"unknown members": {"subnet_ids": []any{unknown}, "tags": object{"Owner": unknown}, "network": object{"private_ip": unknown, "eip": object{"allocation_id": unknown}},
			"root_volume": object{"type": unknown, "iops": 3000, "kms_key_id": unknown, "encrypted": unknown}, "readiness": object{"timeout": unknown},
			"timeouts": object{"create": unknown}, "market": object{"type": unknown, "max_price": "1"}},
		"unknown subnets": {"subnet_ids": unknown, "network": object{"private_ip": "10.0.1.20"}},
	} {
		t.Run(name, func(t *testing.T) {
			if found := worker.Validate(worker.Config(with(change))); len(found) > 0 {
				t.Error(protocol.Show(found))
			}
		})
	}
}
