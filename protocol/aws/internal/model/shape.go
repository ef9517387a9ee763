package model

// Kind is what a shape's values are.
type Kind uint8

// The kinds. Integers and floats are of any size; a Document is any JSON.
const (
	Structure Kind = iota + 1
	List
	Map
	String
	Blob
	Boolean
	Integer
	Float
	Timestamp
	Document
)

// Shape is a type of a service's model. Shapes refer to one another and may
// be recursive. They are shared and must not be changed.
type Shape struct {
	// Name is as in the model; only structures, lists and maps have one.
	Name string
	Kind Kind
	// Sensitive marks values that AWS, or Sallyport's own list, says are not
	// to be shown.
	Sensitive bool
	// Members are a structure's, in the model's order.
	Members []Member
	// Union says that a structure holds one of its members.
	Union bool
	// Payload names the member that is the whole HTTP body; empty where the
	// body is the structure itself.
	Payload string
	// EventStream says that a structure's members are the events of a stream.
	EventStream bool
	// Key and Value are a map's; Value is also a list's element. Only Shape
	// and WireName of them mean something.
	Key, Value *Member
	// Flattened lists and maps have no element around them in XML and forms.
	Flattened bool
	// Streaming says that a blob is of any length and is not held whole.
	Streaming bool
	// Format is a timestamp's: "iso8601", "unixTimestamp", "rfc822"; empty
	// means the wire's usual one.
	Format string

	byName map[string]*Member
}

// Location is where a member stands in an HTTP message.
type Location uint8

// The locations. A member without one is in the body.
const (
	InBody Location = iota
	InPath
	InQuery
	InHeader
	InHeaders // a map whose keys are headers that begin with WireName
	InStatus
)

// Member is a part of a structure.
type Member struct {
	// Name is the member's name in the model.
	Name string
	// WireName is its name on the wire.
	WireName string
	// QueryName is its name in the forms of the ec2 protocol.
	QueryName string
	Shape     *Shape
	Location  Location
	// Required members are always sent.
	Required bool
	// Attribute says that it is an attribute in XML.
	Attribute bool
	// JSONHeader says that the header is JSON in base64.
	JSONHeader bool
	// EventHeader and EventPayload say where a member of an event stands.
	EventHeader, EventPayload bool
	// HostLabel says that it stands in the host's prefix too.
	HostLabel bool
}

// Member returns the structure's member of that model name, or nil.
func (s *Shape) Member(name string) *Member { return s.byName[name] }
