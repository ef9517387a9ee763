package model

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The files of the table; gen/models.py writes them.
type (
	serviceJSON struct {
		Operations []operationJSON `json:"o"`
		Shapes     []shapeJSON     `json:"s"`
		ARNs       []string        `json:"a"`
	}
	operationJSON struct {
		Name       string `json:"n"`
		Method     string `json:"m"`
		URI        string `json:"u"`
		Input      int    `json:"i"`
		Output     int    `json:"o"`
		Access     Access `json:"a"`
		Flags      int    `json:"f"`
		HostPrefix string `json:"h"`
		Wrapper    string `json:"w"`
		Root       string `json:"x"`
		Resources  []int  `json:"r"`
	}
	shapeJSON struct {
		Name      string    `json:"n"`
		Kind      Kind      `json:"k"`
		Sensitive int       `json:"s"`
		Flattened int       `json:"f"`
		Streaming int       `json:"b"`
		Format    string    `json:"t"`
		Union     int       `json:"u"`
		Events    int       `json:"e"`
		Payload   string    `json:"p"`
		Members   []string  `json:"m"`
		Key       *partJSON `json:"y"`
		Value     *partJSON `json:"v"`
	}
	partJSON struct {
		Shape int    `json:"s"`
		Wire  string `json:"w"`
	}
)

// Flags of operations and of members, as gen/models.py and gen/shapes.py
// number them.
const (
	opHandsOut = 1 << iota
	opCode
	opUnsigned
	opDeprecated
	opUnsignedPayload
)

const (
	memberRequired = 1 << iota
	memberAttribute
	memberJSONHeader
	memberEventHeader
	memberEventPayload
	memberHostLabel
)

var errReference = errors.New("refers to what is not there")

// decodeService makes a service of its line in the index and its file.
func decodeService(line *lineJSON, file *serviceJSON) (*Service, error) {
	s := &Service{
		Name:            line.Name,
		SigningName:     line.Signing,
		EndpointPrefix:  line.Prefix,
		TargetPrefix:    line.Target,
		Wires:           line.Wires,
		APIVersion:      line.Version,
		XMLNamespace:    line.XML,
		ServiceID:       line.ID,
		QueryCompatible: line.QueryCompatible,
		EndpointPath:    line.Path,
		operations:      make(map[string]*Operation, len(file.Operations)),
	}
	shapes, err := decodeShapes(file.Shapes)
	if err != nil {
		return nil, fmt.Errorf("AWS model: %s: %w", line.Name, err)
	}
	for i := range file.Operations {
		op, err := decodeOperation(s, &file.Operations[i], shapes, file.ARNs)
		if err != nil {
			return nil, fmt.Errorf("AWS model: %s: operation %s: %w", line.Name, file.Operations[i].Name, err)
		}
		if s.operations[op.Name] != nil {
			return nil, fmt.Errorf("AWS model: %s: operation %s is there twice", line.Name, op.Name)
		}
		s.operations[op.Name] = op
		s.names = append(s.names, op.Name)
	}
	if s.routes, err = buildRoutes(s); err != nil {
		return nil, fmt.Errorf("AWS model: %s: %w", line.Name, err)
	}
	return s, nil
}

func decodeOperation(s *Service, raw *operationJSON, shapes []*Shape, arns []string) (*Operation, error) {
	op := &Operation{
		Service: s, Name: raw.Name, Method: raw.Method, URI: raw.URI,
		HostPrefix: raw.HostPrefix, Access: raw.Access,
		HandsOut:        raw.Flags&opHandsOut != 0,
		Code:            raw.Flags&opCode != 0,
		Unsigned:        raw.Flags&opUnsigned != 0,
		Deprecated:      raw.Flags&opDeprecated != 0,
		UnsignedPayload: raw.Flags&opUnsignedPayload != 0,
		ResultWrapper:   raw.Wrapper, InputRoot: raw.Root,
	}
	if raw.Name == "" || raw.Method == "" || !strings.HasPrefix(raw.URI, "/") || raw.Access > AccessPermissions {
		return nil, errors.New("is not complete")
	}
	for _, ref := range []struct {
		number int
		into   **Shape
	}{{raw.Input, &op.Input}, {raw.Output, &op.Output}} {
		if ref.number == 0 {
			continue
		}
		shape, err := resolve(shapes, ref.number)
		if err != nil {
			return nil, err
		}
		if shape.Kind != Structure {
			return nil, errors.New("has parameters that are no structure")
		}
		*ref.into = shape
	}
	for _, n := range raw.Resources {
		if n < 0 || n >= len(arns) {
			return nil, errReference
		}
		op.Resources = append(op.Resources, arns[n])
	}
	return op, nil
}

// decodeShapes makes all shapes first, since they refer to one another.
func decodeShapes(raw []shapeJSON) ([]*Shape, error) {
	shapes := make([]*Shape, len(raw))
	for i := range raw {
		shapes[i] = &Shape{}
	}
	for i := range raw {
		if err := decodeShape(shapes[i], &raw[i], shapes); err != nil {
			return nil, fmt.Errorf("shape %d %s: %w", i+1, raw[i].Name, err)
		}
	}
	return shapes, nil
}

func decodeShape(s *Shape, raw *shapeJSON, shapes []*Shape) (err error) {
	if raw.Kind < Structure || raw.Kind > Document {
		return errors.New("is of no kind")
	}
	*s = Shape{
		Name: raw.Name, Kind: raw.Kind, Format: raw.Format, Payload: raw.Payload,
		Sensitive: raw.Sensitive != 0, Flattened: raw.Flattened != 0, Streaming: raw.Streaming != 0,
		Union: raw.Union != 0, EventStream: raw.Events != 0,
	}
	if s.Kind == Structure {
		s.Members = make([]Member, len(raw.Members))
		s.byName = make(map[string]*Member, len(raw.Members))
		for i, text := range raw.Members {
			if s.Members[i], err = decodeMember(text, shapes); err != nil {
				return fmt.Errorf("member %q: %w", text, err)
			}
			if s.byName[s.Members[i].Name] != nil {
				return fmt.Errorf("member %q: is there twice", s.Members[i].Name)
			}
			s.byName[s.Members[i].Name] = &s.Members[i]
		}
		if s.Payload != "" && s.byName[s.Payload] == nil {
			return fmt.Errorf("payload: %w", errReference)
		}
	}
	if s.Kind == Map {
		if s.Key, err = decodePart(raw.Key, "key", shapes); err != nil {
			return err
		}
		s.Value, err = decodePart(raw.Value, "value", shapes)
	}
	if s.Kind == List {
		s.Value, err = decodePart(raw.Value, "member", shapes)
	}
	return err
}

// decodePart makes a map's key or value or a list's element; the wires call
// it usual where the model says nothing.
func decodePart(raw *partJSON, usual string, shapes []*Shape) (*Member, error) {
	if raw == nil {
		return nil, fmt.Errorf("%s: %w", usual, errReference)
	}
	shape, err := resolve(shapes, raw.Shape)
	if err != nil {
		return nil, err
	}
	m := &Member{WireName: usual, Shape: shape}
	if raw.Wire != "" {
		m.WireName = raw.Wire
	}
	return m, nil
}

// decodeMember reads "name|shape|flags|location|wire name|query name", of
// which the end may be missing.
func decodeMember(text string, shapes []*Shape) (Member, error) {
	columns := strings.SplitN(text, "|", 6)
	columns = append(columns, "", "", "", "", "")[:6]
	number, err := strconv.Atoi(columns[1])
	if err != nil {
		return Member{}, err
	}
	shape, err := resolve(shapes, number)
	if err != nil {
		return Member{}, err
	}
	var flags, location int
	for i, into := range []*int{&flags, &location} {
		if columns[2+i] == "" {
			continue
		}
		if *into, err = strconv.Atoi(columns[2+i]); err != nil {
			return Member{}, err
		}
	}
	if location < int(InBody) || location > int(InStatus) || columns[0] == "" {
		return Member{}, errReference
	}
	m := Member{
		Name: columns[0], WireName: columns[0], QueryName: columns[0],
		Shape: shape, Location: Location(location),
		Required:     flags&memberRequired != 0,
		Attribute:    flags&memberAttribute != 0,
		JSONHeader:   flags&memberJSONHeader != 0,
		EventHeader:  flags&memberEventHeader != 0,
		EventPayload: flags&memberEventPayload != 0,
		HostLabel:    flags&memberHostLabel != 0,
	}
	if columns[4] != "" {
		m.WireName = columns[4]
	}
	if columns[5] != "" {
		m.QueryName = columns[5]
	}
	return m, nil
}

func resolve(shapes []*Shape, number int) (*Shape, error) {
	if number < 1 || number > len(shapes) {
		return nil, errReference
	}
	return shapes[number-1], nil
}
