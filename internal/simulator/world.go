package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// World is what a world file adds to the default world.
type World struct {
	// CML describes every machine that boots for the first time from now on.
	CML CMLWorld `json:"cml"`
	// SSMS is the licence server.
	SSMS SSMSWorld `json:"ssms"`
	// Regions are additions to regions of the default account, by region name.
	Regions map[string]RegionWorld `json:"regions"`
	// Instances are launched and run, in the order of the list.
	Instances []InstanceWorld `json:"instances"`
	// Faults is a fault script.
	Faults []wire.Rule `json:"faults"`
}

// CMLWorld is what machines start with.
type CMLWorld struct {
	Version string           `json:"version"`
	Admin   *cml.Credentials `json:"admin"`
	Users   []User           `json:"users"`
	Labs    []cml.Lab        `json:"labs"`
	// Switches has members of cml.Switches by their Go names.
	Switches json.RawMessage `json:"switches"`
	// Registered is the product with which machines come licensed; empty: not licensed.
	Registered string `json:"registered"`
}

// User is an account of CML.
type User struct {
	cml.Credentials
	Admin bool `json:"admin"`
}

// SSMSWorld changes the licence server; what is absent stays.
type SSMSWorld struct {
	// Tokens are the only good ones, with the number of their uses (-1: any number).
	Tokens   map[string]int `json:"tokens"`
	Rejected []string       `json:"rejected"`
	// Products and Nodes bound what is in compliance.
	Products  *int  `json:"products"`
	Nodes     *int  `json:"nodes"`
	Reachable *bool `json:"reachable"`
}

// RegionWorld adds to a region.
type RegionWorld struct {
	Images         []ImageWorld       `json:"images"`
	SecurityGroups []GroupWorld       `json:"security_groups"`
	Capacity       []CapacityWorld    `json:"capacity"`
	Quotas         map[string]float64 `json:"quotas"`
	// Secrets are those of Secrets Manager, Parameters those of the Parameter Store (as
	// SecureString), by name.
	Secrets    map[string]string `json:"secrets"`
	Parameters map[string]string `json:"parameters"`
}

// ImageWorld is an image; its id is made up and shown by EC2.
type ImageWorld struct {
	Name         string            `json:"name"`
	Owner        string            `json:"owner"`
	Architecture string            `json:"architecture"`
	Created      time.Time         `json:"created"`
	RootGiB      int               `json:"root_gib"`
	Public       bool              `json:"public"`
	Tags         map[string]string `json:"tags"`
}

// GroupWorld is a security group that admits TCP to the ports from everywhere.
type GroupWorld struct {
	Name  string `json:"name"`
	Ports []int  `json:"ports"`
}

// CapacityWorld limits how many machines of a type a zone or subnet has left.
type CapacityWorld struct {
	Type     string `json:"type"`
	Place    string `json:"place"`
	Machines int    `json:"machines"`
}

// InstanceWorld is an instance that exists before Terraform does anything.
type InstanceWorld struct {
	Name   string `json:"name"`
	Region string `json:"region"`
	// ImageID and SubnetID are the newest CML image and the first subnet of the default world when empty.
	ImageID  string `json:"image_id"`
	SubnetID string `json:"subnet_id"`
	// Type is m8i.2xlarge when empty; nested virtualisation is enabled for the types that have it.
	Type string            `json:"type"`
	Tags map[string]string `json:"tags"`
}

// ReadWorld decodes a world file and refuses members it does not know.
func ReadWorld(data []byte) (World, error) {
	var w World
	if err := strict(data, &w); err != nil {
		return World{}, fmt.Errorf("world: %w", err)
	}
	return w, nil
}

// Apply adds the world to what there is.
func (s *Simulator) Apply(ctx context.Context, w World) error {
	if err := w.check(); err != nil {
		return err
	}
	if w.CML.Admin != nil {
		s.CML.SetAdmin(*w.CML.Admin)
	}
	s.CML.Prepare(func(m *cml.Machine) { w.CML.prepare(m) })
	w.SSMS.apply(s.CML.SSMS())
	for name, region := range w.Regions {
		region.apply(s.AWS.Region(name))
	}
	for _, instance := range w.Instances {
		if err := s.launch(ctx, instance); err != nil {
			return fmt.Errorf("world: instance %q: %w", instance.Name, err)
		}
	}
	s.Faults.Add(w.Faults...) // last, so that they meet no request of our own
	return nil
}

// check refuses what Apply could not apply.
func (w World) check() error {
	probe := cml.Switches{}
	if w.CML.Switches != nil {
		if err := strict(w.CML.Switches, &probe); err != nil {
			return fmt.Errorf("world: switches: %w", err)
		}
	}
	if w.CML.Version != "" {
		if err := cml.CheckVersion(w.CML.Version); err != nil {
			return fmt.Errorf("world: %w", err)
		}
	}
	users := map[string]bool{"": true}
	for _, user := range w.CML.Users {
		users[user.Username] = true
	}
	for _, lab := range w.CML.Labs {
		if !users[lab.Owner] {
			return fmt.Errorf("world: the lab %q has the owner %q, who is not among the users", lab.Title, lab.Owner)
		}
	}
	for name := range w.Regions {
		if aws.RegionNumber(name) == 0 {
			return fmt.Errorf("world: there is no region %q", name)
		}
	}
	for i, rule := range w.Faults {
		if err := rule.Validate(); err != nil {
			return fmt.Errorf("world: fault %d: %w", i+1, err)
		}
	}
	return nil
}

// prepare arranges a machine; check has seen to it that nothing fails.
func (c CMLWorld) prepare(m *cml.Machine) {
	if c.Switches != nil {
		m.Switch(func(switches *cml.Switches) { _ = strict(c.Switches, switches) })
	}
	if c.Version != "" {
		_ = m.SetVersion(c.Version)
	}
	for _, user := range c.Users {
		m.AddUser(user.Credentials, user.Admin)
	}
	for _, lab := range c.Labs {
		_, _ = m.AddLab(lab)
	}
	if c.Registered != "" {
		m.RegisterNow(c.Registered, time.Time{})
	}
}

func (w SSMSWorld) apply(ssms *cml.SSMS) {
	for token, uses := range w.Tokens {
		ssms.AddToken(token, uses)
	}
	for _, token := range w.Rejected {
		ssms.RejectToken(token)
	}
	if w.Products != nil || w.Nodes != nil {
		products, nodes := ssms.Capacity()
		if w.Products != nil {
			products = *w.Products
		}
		if w.Nodes != nil {
			nodes = *w.Nodes
		}
		ssms.SetCapacity(products, nodes)
	}
	if w.Reachable != nil {
		ssms.SetReachable(*w.Reachable)
	}
}

func (w RegionWorld) apply(region *aws.Region) {
	for _, image := range w.Images {
		region.AddImage(aws.Image{
			Name: image.Name, Description: image.Name, Owner: image.Owner, Architecture: image.Architecture,
			Created: image.Created, RootGiB: image.RootGiB, Public: image.Public, Tags: image.Tags,
		})
	}
	for _, group := range w.SecurityGroups {
		rules := make([]aws.Rule, 0, len(group.Ports))
		for _, port := range group.Ports {
			rules = append(rules, aws.Rule{Protocol: "tcp", From: port, To: port, CIDRv4: "0.0.0.0/0"})
		}
		region.AddSecurityGroup(group.Name, rules...)
	}
	for _, limit := range w.Capacity {
		region.SetCapacity(limit.Type, limit.Place, limit.Machines)
	}
	for code, value := range w.Quotas {
		region.SetQuota(code, value)
	}
	for name, text := range w.Secrets {
		region.SetSecret(name, aws.Secret{Text: text})
	}
	for name, value := range w.Parameters {
		region.SetParameter(name, value, true)
	}
}

// launch runs an instance by EC2's own API.
func (s *Simulator) launch(ctx context.Context, i InstanceWorld) error {
	if i.Region == "" {
		i.Region = defaultRegion
	}
	if aws.RegionNumber(i.Region) == 0 {
		return fmt.Errorf("there is no region %q", i.Region)
	}
	if i.ImageID == "" {
		i.ImageID = aws.SeededID("ami", i.Region, aws.SerialImage291)
	}
	if i.SubnetID == "" {
		i.SubnetID = aws.SeededID("subnet", i.Region, aws.SerialSubnetA)
	}
	if i.Type == "" {
		i.Type = "m8i.2xlarge"
	}
	form := url.Values{
		"Action": {"RunInstances"}, "Version": {"2016-11-15"}, "MinCount": {"1"}, "MaxCount": {"1"},
		"ImageId": {i.ImageID}, "SubnetId": {i.SubnetID}, "InstanceType": {i.Type},
	}
	if nested(i.Type) {
		form.Set("CpuOptions.NestedVirtualization", "enabled")
	}
	tags := map[string]string{"Name": i.Name}
	for key, value := range i.Tags {
		tags[key] = value
	}
	form.Set("TagSpecification.1.ResourceType", "instance")
	n := 0
	for key, value := range tags {
		n++
		form.Set("TagSpecification.1.Tag."+strconv.Itoa(n)+".Key", key)
		form.Set("TagSpecification.1.Tag."+strconv.Itoa(n)+".Value", value)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=WORLD/20260101/"+i.Region+"/ec2/aws4_request, SignedHeaders=host, Signature=0")
	transport := &http.Transport{} // of its own, so that no idle connection is left
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body) // what could be read says enough
		return fmt.Errorf("EC2 answered %s: %s", response.Status, body)
	}
	return nil
}

// nested reports whether a type needs nested virtualisation to be enabled.
func nested(name string) bool {
	for _, t := range aws.InstanceTypes() {
		if t.Name == name {
			return t.NestedVirtualization
		}
	}
	return false
}
