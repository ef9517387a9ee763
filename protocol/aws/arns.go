package aws

import (
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// arns derives from the parameters of a call the ARNs of what it is about.
type arns struct {
	op                *model.Operation
	partition, region string
	account           string
	wanted            map[string]bool     // the variables of the templates, lower case
	values            map[string][]string // of each
	given             []string            // parameters that are ARNs
}

// maxNames bounds how many values are kept for one variable.
const maxNames = maxObjects + 1

func newARNs(op *model.Operation, region, account string) *arns {
	a := &arns{op: op, partition: "aws", region: region, account: account, wanted: map[string]bool{}, values: map[string][]string{}}
	switch {
	case strings.HasPrefix(region, "cn-"):
		a.partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		a.partition = "aws-us-gov"
	}
	for _, t := range op.Resources {
		for _, name := range segments(t) {
			a.wanted[strings.ToLower(name)] = true
		}
	}
	return a
}

// aliases are the variables whose parameters have other names.
var aliases = map[string]map[string]string{
	"s3": {"bucket": "bucketname", "key": "objectname"},
	// The keys of RequestItems are tables.
	"dynamodb": {"requestitems": "tablename"},
}

// add takes in one parameter.
func (a *arns) add(l wire.Leaf) {
	if l.Value == "" || len(l.Value) > 2048 || l.Sensitive {
		return
	}
	name := strings.ToLower(l.Name)
	if strings.HasPrefix(l.Value, "arn:") && strings.Count(l.Value, ":") >= 5 {
		if len(a.given) < maxNames {
			a.given = append(a.given, l.Value)
		}
		return
	}
	service := a.op.Service.Name
	if service == "s3" && name == "copysource" {
		a.copySource(l.Value)
		return
	}
	if other, ok := aliases[service][name]; ok {
		if name == "requestitems" && (!l.Key || strings.Count(l.Path, "[") > 1) {
			return
		}
		name = other
	}
	a.value(name, l.Value)
}

func (a *arns) value(name, value string) {
	if list := a.values[name]; a.wanted[name] && len(list) < maxNames {
		a.values[name] = append(list, value)
	}
}

// copySource takes in "bucket/key?versionId=id", percent-encoded.
func (a *arns) copySource(s string) {
	s, _, _ = strings.Cut(strings.TrimPrefix(unescaped(s), "/"), "?versionId=")
	if bucket, key, ok := strings.Cut(s, "/"); ok {
		a.given = append(a.given, "arn:"+a.partition+":s3:::"+bucket+"/"+key)
	}
}

// objects returns what the call is about: at least the service itself.
func (a *arns) objects(e protocol.Effects) []protocol.Object {
	seen := map[string]bool{}
	for _, t := range a.op.Resources {
		a.fill(t, seen)
	}
	for _, arn := range a.given {
		seen[arn] = true
	}
	if len(seen) == 0 {
		seen["arn:"+a.partition+":"+a.op.Service.SigningName+":"+a.region+":"+a.account+":*"] = true
	}
	var list []protocol.Object
	for _, arn := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, protocol.Object{Kind: "arn", Name: arn, Effects: e})
	}
	return list
}

// tables returns the names of DynamoDB's tables among what the call is about.
func (a *arns) tables() []string {
	list := slices.Clone(a.values["tablename"])
	for _, arn := range a.given {
		if _, name, ok := strings.Cut(arn, ":table/"); ok {
			name, _, _ = strings.Cut(name, "/")
			list = append(list, name)
		}
	}
	return list
}

// fill adds the ARNs that a template makes with all values of its variables,
// or none where one has no value.
func (a *arns) fill(template string, into map[string]bool) {
	made := []string{""}
	for literal, name := range segments(template) {
		values := a.valuesOf(name)
		var next []string
		for _, one := range made {
			for _, v := range values {
				if len(into)+len(next) > maxObjects {
					break
				}
				next = append(next, one+literal+v)
			}
		}
		made = next
	}
	for _, arn := range made {
		into[arn] = true
	}
}

// valuesOf returns what stands for a variable; no variable is nothing, once.
func (a *arns) valuesOf(name string) []string {
	switch name = strings.ToLower(name); name {
	case "":
		return []string{""}
	case "partition":
		return []string{a.partition}
	case "region":
		return []string{a.region}
	case "account":
		return []string{a.account}
	}
	return a.values[name]
}

// segments yields the text before each variable of a template with the
// variable's name, and the text behind the last with none.
func segments(template string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for rest := template; rest != ""; {
			literal, after, _ := strings.Cut(rest, "${")
			name, tail, _ := strings.Cut(after, "}")
			if !yield(literal, name) {
				return
			}
			rest = tail
		}
	}
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
