package wire

import (
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

func TestForm(t *testing.T) {
	s := sample()
	s.Members = append(s.Members, field1("Flat", flat(mapOf(scalarOf(model.String)))), field1("Named", flat(listOf("Item", s))))
	op := operation(s, nil)
	for _, c := range []struct {
		name, body string
		want       []string
		unknown    int
		twice      int
	}{
		{"empty", "Action=Act&Version=2010-01-01", nil, 0, 0},
		{"scalars", "Action=Act&Name=a+b%2F%C3%A9&Count=1&&Secret=", []string{"Name=a b/é", "Count=1", "Secret= sensitive"}, 0, 0},
		{"lists", "tags.member.1=a&tags.member.2=b&Plain.1=c&Item.1.Name=d&tags=", []string{"Tags[0]=a", "Tags[1]=b", "Plain[0]=c", "Named[0].Name=d", "Tags="}, 0, 0},
		{"maps", "Labels.entry.1.key=k&Labels.entry.1.value=v&Flat.1.key=x&Flat.1.value=y&NextBy.entry.1.value.Name=z",
			[]string{`Labels["k"]=k key`, `Labels["k"]=v`, `Flat["x"]=x key`, `Flat["x"]=y`, "NextBy[0].Name=z"}, 0, 0},
		{"inside", "Nexts.member.1.Nexts.member.3.Hidden.Inner=q", []string{"Nexts[0].Nexts[2].Hidden.Inner=q sensitive"}, 0, 0},
		{"unknown", "Foo=1&tags.member.0=a&tags.member.01=b&tags.member.x=c&tags.1=d&Next=e&Next.=f&Name.x=g&secret=h&x",
			[]string{"Foo=1 unknown", `["tags.member.0"]=a unknown`, `["tags.member.01"]=b unknown`, `["tags.member.x"]=c unknown`, `["tags.1"]=d unknown`,
				"Next=e unknown", `["Next."]=f unknown`, `["Name.x"]=g unknown`, "secret=h sensitive unknown", "x= unknown"}, 10, 0},
		{"twice", "Name=a&N%61me=b", []string{"Name=a", "Name=b"}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, r, err := requestLines(t, op, model.Query, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.unknown, r.Unknown, r.UnknownPaths)
			require.Equal(t, c.twice, r.Duplicates)
		})
	}
	for _, body := range []string{"Name=%", "Name=%4", "Name=%zz", "%=1", "Name=%ff", "Name=a;b=c", "\xff=1"} {
		_, _, err := requestLines(t, op, model.Query, body)
		require.ErrorIs(t, err, ErrMalformed, body)
	}
}

func TestEC2Form(t *testing.T) {
	filter := structOf("Filter", field1("Name", scalarOf(model.String)), model.Member{Name: "Values", WireName: "Value", Shape: listOf("item", scalarOf(model.String))})
	op := operation(structOf("In",
		model.Member{Name: "Filters", WireName: "Filter", Shape: listOf("Filter", filter)},
		model.Member{Name: "InstanceIds", WireName: "InstanceId", Shape: listOf("InstanceId", scalarOf(model.String))},
		model.Member{Name: "DryRun", WireName: "dryRun", Shape: scalarOf(model.Boolean)},
		model.Member{Name: "Other", WireName: "other", QueryName: "Third", Shape: scalarOf(model.String)},
	), nil)
	got, r, err := requestLines(t, op, model.EC2, "Action=Act&Filter.1.Name=n&Filter.1.Value.2=v&InstanceId.1=i-1&DryRun=true&Third=t&dryRun=x")
	require.NoError(t, err)
	require.Equal(t, []string{"Filters[0].Name=n", "Filters[0].Values[1]=v", "InstanceIds[0]=i-1", "DryRun=true", "Other=t", "dryRun=x unknown"}, got)
	require.Equal(t, 1, r.Unknown)
}

func TestFormInTheURL(t *testing.T) {
	op := operation(sample(), nil)
	got, r, err := lines(t, nil, func(f func(Leaf) error) (Report, error) {
		return Request(op, model.Query, nil, query(t, "Action=Act&Name=a&X-Amz-Signature=s&Foo=b"), nil, nil, f)
	})
	require.NoError(t, err)
	require.Equal(t, []string{"Foo=b unknown", "Name=a"}, got)
	require.Equal(t, 1, r.Unknown)
}
