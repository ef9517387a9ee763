package wire

// The type bytes of messages from a client.
const (
	TypeBind         = 'B'
	TypeClose        = 'C'
	TypeDescribe     = 'D'
	TypeExecute      = 'E'
	TypeFunctionCall = 'F'
	TypeFlush        = 'H'
	TypeParse        = 'P'
	TypeQuery        = 'Q'
	TypeSync         = 'S'
	TypeTerminate    = 'X'
	// TypePassword is PasswordMessage, SASLInitialResponse, SASLResponse and
	// GSSResponse: which of them, only the state of the login tells.
	TypePassword = 'p'
	TypeCopyFail = 'f'
)

// The type bytes of messages that travel both ways.
const (
	TypeCopyData = 'd'
	TypeCopyDone = 'c'
)

// The type bytes of messages from a server.
const (
	TypeAuthentication           = 'R'
	TypeBackendKeyData           = 'K'
	TypeBindComplete             = '2'
	TypeCloseComplete            = '3'
	TypeCommandComplete          = 'C'
	TypeCopyInResponse           = 'G'
	TypeCopyOutResponse          = 'H'
	TypeCopyBothResponse         = 'W'
	TypeDataRow                  = 'D'
	TypeEmptyQueryResponse       = 'I'
	TypeErrorResponse            = 'E'
	TypeFunctionCallResponse     = 'V'
	TypeNegotiateProtocolVersion = 'v'
	TypeNoData                   = 'n'
	TypeNoticeResponse           = 'N'
	TypeNotificationResponse     = 'A'
	TypeParameterDescription     = 't'
	TypeParameterStatus          = 'S'
	TypeParseComplete            = '1'
	TypePortalSuspended          = 's'
	TypeReadyForQuery            = 'Z'
	TypeRowDescription           = 'T'
)

// The formats of a value.
const (
	FormatText   int16 = 0
	FormatBinary int16 = 1
)
