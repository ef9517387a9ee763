package pgvalue

// The identifiers of types that the code names; see [Name] for all.
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt2Vector  = 22
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidTID         = 27
	oidXID         = 28
	oidCID         = 29
	oidOIDVector   = 30
	oidJSON        = 114
	oidXML         = 142
	oidCIDR        = 650
	oidFloat4      = 700
	oidFloat8      = 701
	oidUnknown     = 705
	oidMacaddr8    = 774
	oidMoney       = 790
	oidMacaddr     = 829
	oidInet        = 869
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidInterval    = 1186
	oidTimetz      = 1266
	oidBit         = 1560
	oidVarbit      = 1562
	oidNumeric     = 1700
	oidRefcursor   = 1790
	oidRecord      = 2249
	oidCstring     = 2275
	oidVoid        = 2278
	oidUUID        = 2950
	oidLSN         = 3220
	oidJSONB       = 3802
	oidXID8        = 5069
)

// builtin describes a type; array is its array type, zero for none.
type builtin struct {
	oid, array uint32
	name       string
}

// builtins lists what a client or a result can have to do with, by oid.
var builtins = []builtin{
	{oidBool, 1000, "bool"}, {oidBytea, 1001, "bytea"}, {oidChar, 1002, "char"}, {oidName, 1003, "name"},
	{oidInt8, 1016, "int8"}, {oidInt2, 1005, "int2"}, {oidInt2Vector, 1006, "int2vector"}, {oidInt4, 1007, "int4"},
	{24, 1008, "regproc"}, {oidText, 1009, "text"}, {oidOID, 1028, "oid"}, {oidTID, 1010, "tid"}, {oidXID, 1011, "xid"},
	{oidCID, 1012, "cid"}, {oidOIDVector, 1013, "oidvector"}, {oidJSON, 199, "json"}, {oidXML, 143, "xml"},
	{194, 0, "pg_node_tree"}, {600, 1017, "point"}, {601, 1018, "lseg"}, {602, 1019, "path"}, {603, 1020, "box"},
	{604, 1027, "polygon"}, {628, 629, "line"}, {oidCIDR, 651, "cidr"}, {oidFloat4, 1021, "float4"},
	{oidFloat8, 1022, "float8"}, {oidUnknown, 0, "unknown"}, {718, 719, "circle"}, {oidMacaddr8, 775, "macaddr8"},
	{oidMoney, 791, "money"}, {oidMacaddr, 1040, "macaddr"}, {oidInet, 1041, "inet"}, {1033, 1034, "aclitem"},
	{oidBpchar, 1014, "bpchar"}, {oidVarchar, 1015, "varchar"}, {oidDate, 1182, "date"}, {oidTime, 1183, "time"},
	{oidTimestamp, 1115, "timestamp"}, {oidTimestamptz, 1185, "timestamptz"}, {oidInterval, 1187, "interval"},
	{oidTimetz, 1270, "timetz"}, {oidBit, 1561, "bit"}, {oidVarbit, 1563, "varbit"}, {oidNumeric, 1231, "numeric"},
	{oidRefcursor, 2201, "refcursor"}, {2202, 2207, "regprocedure"}, {2203, 2208, "regoper"}, {2204, 2209, "regoperator"},
	{2205, 2210, "regclass"}, {2206, 2211, "regtype"}, {oidRecord, 2287, "record"}, {oidCstring, 1263, "cstring"},
	{oidVoid, 0, "void"}, {oidUUID, 2951, "uuid"}, {2970, 2949, "txid_snapshot"}, {oidLSN, 3221, "pg_lsn"},
	{3614, 3643, "tsvector"}, {3615, 3645, "tsquery"}, {3734, 3735, "regconfig"}, {3769, 3770, "regdictionary"},
	{oidJSONB, 3807, "jsonb"}, {3904, 3905, "int4range"}, {3906, 3907, "numrange"}, {3908, 3909, "tsrange"},
	{3910, 3911, "tstzrange"}, {3912, 3913, "daterange"}, {3926, 3927, "int8range"}, {4072, 4073, "jsonpath"},
	{4089, 4090, "regnamespace"}, {4096, 4097, "regrole"}, {4191, 4192, "regcollation"}, {4451, 6150, "int4multirange"},
	{4532, 6151, "nummultirange"}, {4533, 6152, "tsmultirange"}, {4534, 6153, "tstzmultirange"},
	{4535, 6155, "datemultirange"}, {4536, 6157, "int8multirange"}, {5038, 5039, "pg_snapshot"}, {oidXID8, 271, "xid8"},
}

// names are those of all types, elements the element types of array types.
var names, elements = index()

func index() (names map[uint32]string, elements map[uint32]uint32) {
	names, elements = make(map[uint32]string, 2*len(builtins)), make(map[uint32]uint32, len(builtins))
	for _, b := range builtins {
		names[b.oid] = b.name
		if b.array != 0 {
			names[b.array] = b.name + "[]"
			elements[b.array] = b.oid
		}
	}
	return names, elements
}

// Name returns a built-in type's name as in pg_type, with "[]" behind it for an
// array of it; empty for a type that is not known.
func Name(oid uint32) string { return names[oid] }

// IsText reports whether any text is a value of the type, in both formats. A
// type that is not known is not text.
func IsText(oid uint32) bool {
	switch oid {
	case oidText, oidVarchar, oidBpchar, oidName, oidUnknown, oidRefcursor, oidCstring:
		return true
	}
	return false
}

// Structured reports whether values of the type hold others: arrays, records,
// ranges, json, jsonb, xml and the text search types. A type that is not
// known counts as structured: it may be a record.
func Structured(oid uint32) bool {
	if _, known := names[oid]; !known {
		return true
	}
	if _, array := elements[oid]; array {
		return true
	}
	switch oid {
	case oidJSON, oidJSONB, oidXML, oidRecord, oidInt2Vector, oidOIDVector, 194, 3614, 3615, 4072,
		3904, 3906, 3908, 3910, 3912, 3926, 4451, 4532, 4533, 4534, 4535, 4536:
		return true
	}
	return false
}
