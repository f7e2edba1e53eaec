package widgets_test

import (
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/widgets"
)

// Bodies after the examples of the documentation.
const good = `{"start": "-PT6H", "periodOverride": "inherit", "widgets": [
  {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
    "metrics": [["AWS/EC2", "DiskReadBytes", "InstanceId", "i-1", {"id": "m1"}], [".", ".", ".", "i-2", {"id": "m2", "visible": false}],
                [{"expression": "SUM([m1,m2])/PERIOD(m1)", "label": "both", "id": "e1", "color": "#1f77b4"}]],
    "period": 300, "stat": "Average", "region": "us-east-1", "title": "Disks", "yAxis": {"left": {"min": 0, "max": 100}},
    "annotations": {"horizontal": [{"value": 20, "label": "limit", "fill": "above", "color": "#9467bd"}]}}},
  {"type": "text", "x": 12, "y": 0, "width": 12, "height": 3, "properties": {"markdown": "Hello world"}}]}`

func TestCheck(t *testing.T) {
	got, err := widgets.Check(good)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(got[0].Metrics) != 3 || got[0].Metrics[1].Dimensions["InstanceId"] != "i-2" || got[0].Metrics[1].Name != "DiskReadBytes" || got[1].Markdown != "Hello world" {
		t.Errorf("got %+v", got)
	}
	for name, change := range map[string][2]string{
		"no array":         {`"widgets": [`, `"panels": [`},
		"unknown member":   {`"title"`, `"titel"`},
		"too wide":         {`"x": 12`, `"x": 13`},
		"over another":     {`"x": 12`, `"x": 6`},
		"period":           {`"period": 300`, `"period": 90`},
		"statistic":        {`"Average"`, `"Mean"`},
		"region":           {`"us-east-1"`, `""`},
		"color":            {`#1f77b4`, `red`},
		"id":               {`"id": "e1"`, `"id": "E1"`},
		"id twice":         {`"id": "e1"`, `"id": "m1"`},
		"unknown id":       {`[m1,m2]`, `[m1,m3]`},
		"unknown function": {`SUM(`, `TOTAL(`},
		"not closed":       {`[m1,m2])`, `[m1,m2]`},
		"half a dimension": {`"InstanceId", "i-1"`, `"InstanceId"`},
		"axis":             {`"max": 100`, `"max": 0`},
		"annotation":       {`"value": 20, `, ``},
		"fill":             {`"above"`, `"over"`},
		"start":            {`-PT6H`, `-6H`},
		"override":         {`"inherit"`, `"never"`},
	} {
		if _, err := widgets.Check(strings.Replace(good, change[0], change[1], 1)); err == nil {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}
