package wire

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

func TestXML(t *testing.T) {
	op := operation(sample(), nil)
	for _, c := range []struct {
		name, body string
		want       []string
		unknown    int
		twice      int
	}{
		{"empty", "", nil, 0, 0},
		{"declared", "<?xml version='1.0' encoding='utf-8'?>\n<!-- c --><R xmlns='urn:x' xmlns:y='urn:y'/>", nil, 0, 0},
		{"scalars", "<R> <Name>a &lt;b&gt; &#233;&#x41;</Name>\n<Count>3</Count><On>true</On><Name2/></R>",
			[]string{"Name=a <b> éA", "Count=3", "On=true", "Name2= unknown"}, 1, 0},
		{"text in pieces", "<R><Name>a<![CDATA[<&]]>bc\r\nd</Name><!-- no --></R>", []string{"Name=a<&bc\nd"}, 0, 0},
		{"blank", "<R><Name></Name><Count/><Next/><tags></tags></R>", []string{"Name=", "Count="}, 0, 0},
		{"lists", "<R><tags><member>a</member><member>b</member></tags><Plain>c</Plain><Count>1</Count><Plain>d</Plain></R>",
			[]string{"Tags[0]=a", "Tags[1]=b", "Plain[0]=c", "Count=1", "Plain[1]=d"}, 0, 0},
		{"other elements", "<R><tags><item>a</item></tags></R>", []string{"Tags[0]=a"}, 1, 0},
		{"map", "<R><Labels><entry><key>a</key><value>1</value></entry><entry><key>b</key><value/></entry></Labels></R>",
			[]string{`Labels["a"]=a key`, `Labels["a"]=1`, `Labels["b"]=b key`, `Labels["b"]=`}, 0, 0},
		{"prefix", "<x:R xmlns:x='u'><x:Next><x:Name>n</x:Name></x:Next></x:R>", []string{"Next.Name=n"}, 0, 0},
		{"sensitive", "<R><Hidden><Inner>y</Inner><Z>z</Z></Hidden><SECRET>s</SECRET></R>",
			[]string{"Hidden.Inner=y sensitive", "Hidden.Z=z sensitive unknown", "SECRET=s sensitive unknown"}, 2, 0},
		{"attributes", `<R a="1&quot;"><Name b='2'>x</Name></R>`, []string{`a=1" unknown`, `Name.b=2 unknown`, "Name=x"}, 2, 0},
		{"mixed", "<R>t<Name>x<y>z</y>u</Name></R>", []string{"=t unknown", "Name=x unknown", "Name.y=z unknown", "Name=u unknown"}, 4, 0},
		{"twice", "<R><Name>a</Name><Name>b</Name></R>", []string{"Name=a", "Name=b"}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, r, err := requestLines(t, op, model.RESTXML, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.unknown, r.Unknown, r.UnknownPaths)
			require.Equal(t, c.twice, r.Duplicates)
		})
	}
}

func TestXMLRefuses(t *testing.T) {
	op := operation(sample(), nil)
	for _, body := range []string{
		"x", "<", "<R", "<R>", "<R></S>", "<R></R><R/>", "<R></R>x", "<R a></R>", "<R a=1/>", "<R a='1' a='2'/>", "<R a='<'/>", "<1/>", "< R/>",
		"<!DOCTYPE x [<!ENTITY a 'b'>]><R>&a;</R>", "<R><Name>&a;</Name></R>", "<R><Name>&amp</Name></R>", "<R><Name>&#0;</Name></R>", "<R><Name>&#xd800;</Name></R>",
		"<R><Name>\x01</Name></R>", "<R>\xff</R>", "<?xml version='1.0' encoding='UTF-16'?><R/>", "<?xml version='1.0' standalone='encoding=utf-8' encoding='UTF-7'?><R/>", `<?xml version="1.0 encoding='utf-8'" encoding="UTF-7"?><R/>`, "<?xml version='1.0' encoding='ISO-8859-1'?><R/>",
		"<R><![CDATA[x</R>", "<R><!-- </R>", "<R><!--></R>", "<R><?php ?></R>", "<R><!x></R>", "<R><Labels>x</Labels>", "<R><Labels><entry>x</entry></Labels></R>",
		"<R><Labels><entry><key><x/></key></entry></Labels></R>", "<R><Name>a<!-- -->b</Name></R>", "<R><Labels><entry><key>a<!-- -->b</key></entry></Labels></R>",
		strings.Repeat("<Next>", 1<<16), strings.Repeat("<Next>", MaxDepth+3) + strings.Repeat("</Next>", MaxDepth+3),
	} {
		_, _, err := requestLines(t, op, model.RESTXML, body)
		require.ErrorIs(t, err, ErrMalformed, "%.80q", body)
	}
}

func TestXMLAnswers(t *testing.T) {
	op := operation(nil, sample())
	body := `<ActResponse xmlns="u"><ActResult><Name>n</Name><Nexts><member><Secret>s</Secret></member></Nexts></ActResult><ResponseMetadata><RequestId>i</RequestId></ResponseMetadata></ActResponse>`
	got, r, err := responseLines(t, op, model.Query, 200, nil, body)
	require.NoError(t, err)
	require.Equal(t, []string{"Name=n", "Nexts[0].Secret=s sensitive", "ResponseMetadata.RequestId=i unknown"}, got)
	require.Zero(t, r.Unknown)

	got, r, err = responseLines(t, op, model.EC2, 200, nil, "<ActResponse><requestId>i</requestId><Count>1</Count></ActResponse>")
	require.NoError(t, err)
	require.Equal(t, []string{"requestId=i unknown", "Count=1"}, got)
	require.Zero(t, r.Unknown)

	where := operation(nil, structOf("Out", field1("LocationConstraint", scalarOf(model.String))))
	got, r, err = responseLines(t, where, model.RESTXML, 200, nil, `<LocationConstraint xmlns="u">eu-west-1</LocationConstraint>`)
	require.NoError(t, err)
	require.Equal(t, []string{"LocationConstraint=eu-west-1"}, got)
	require.Zero(t, r.Unknown)
}

func TestCommentInAnAnswer(t *testing.T) {
	got, _, err := responseLines(t, operation(nil, sample()), model.RESTXML, 200, nil, "<R><Name>a<!-- <b> -->c</Name></R>")
	require.NoError(t, err)
	require.Equal(t, []string{"Name=ac"}, got)
}
