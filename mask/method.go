package mask

// Method hides one value. Plugins call it for values whose type is text; a
// value of another type (a number, a date) that must be hidden becomes NULL,
// because no text would parse as it.
type Method interface {
	// Name describes the method, with its settings but no key: "keep(4)".
	Name() string
	// Apply appends to dst what is shown in place of value. It returns
	// null = true where the value is shown as NULL; dst is then returned as
	// it was. It must not keep value.
	Apply(dst, value []byte) (shown []byte, null bool)
}
