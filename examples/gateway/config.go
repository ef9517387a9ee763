package main

import (
	"github.com/sallyport/sallyport/protocol"
)

// config is the YAML file; gateway.yaml explains each field and its default.
type config struct {
	Name        string             `yaml:"name"`
	Log         logConfig          `yaml:"log"`
	Admin       adminConfig        `yaml:"admin"`
	Certificate *certificateConfig `yaml:"certificate"`
	Identity    identityConfig     `yaml:"identity"`
	Targets     []targetConfig     `yaml:"targets"`
	Listeners   []listenerConfig   `yaml:"listeners"`
	Postgres    postgresConfig     `yaml:"postgres"`
	SSH         sshConfig          `yaml:"ssh"`
	AWS         awsConfig          `yaml:"aws"`
	Rules       []ruleConfig       `yaml:"rules"`
	Approvers   approversConfig    `yaml:"approvers"`
	Masks       masksConfig        `yaml:"masks"`
	Record      recordConfig       `yaml:"record"`
	Limits      limitsConfig       `yaml:"limits"`
	Observe     bool               `yaml:"observe"`
}

type logConfig struct {
	Format string `yaml:"format"`
	Level  level  `yaml:"level"`
}

type adminConfig struct {
	Listen string `yaml:"listen"`
	Token  secret `yaml:"token"`
}

type certificateConfig struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

type identityConfig struct {
	Tokens        *tokensConfig      `yaml:"tokens"`
	OIDC          []oidcConfig       `yaml:"oidc"`
	SSH           *sshIdentityConfig `yaml:"ssh"`
	OutliveExpiry bool               `yaml:"outlive_expiry"`
}

type oidcConfig struct {
	Issuer            string   `yaml:"issuer"`
	Audience          string   `yaml:"audience"`
	GroupsClaim       string   `yaml:"groups_claim"`
	NameClaim         string   `yaml:"name_claim"`
	OnBehalfOfClaim   string   `yaml:"on_behalf_of_claim"`
	RequireUser       string   `yaml:"require_user"`
	AuthorizedParties []string `yaml:"authorized_parties"`
	ClockSkew         duration `yaml:"clock_skew"`
}

type tokensConfig struct {
	Issuer string `yaml:"issuer"`
	File   string `yaml:"file"`
}

type targetConfig struct {
	Name     string      `yaml:"name"`
	Address  string      `yaml:"address"`
	Database string      `yaml:"database"`
	Account  string      `yaml:"account"`
	TLS      tlsConfig   `yaml:"tls"`
	Login    loginConfig `yaml:"login"`
}

type tlsConfig struct {
	Mode       string `yaml:"mode"`
	CA         string `yaml:"ca"`
	ServerName string `yaml:"server_name"`
}

type loginConfig struct {
	User      string `yaml:"user"`
	Password  secret `yaml:"password"`
	Cert      string `yaml:"cert"`
	Key       string `yaml:"key"`
	Authority string `yaml:"authority"`

	AccessKeyID     secret      `yaml:"access_key_id"`
	SecretAccessKey secret      `yaml:"secret_access_key"`
	SessionToken    secret      `yaml:"session_token"`
	Role            *roleConfig `yaml:"role"`
}

type listenerConfig struct {
	Protocol   string   `yaml:"protocol"`
	Address    string   `yaml:"address"`
	Targets    []string `yaml:"targets"`
	Scheme     string   `yaml:"scheme"`
	RequireTLS *bool    `yaml:"require_tls"`
}

type postgresConfig struct {
	MaxStatement size     `yaml:"max_statement"`
	MaxRow       size     `yaml:"max_row"`
	MaxBatch     int      `yaml:"max_batch"`
	LoginTimeout duration `yaml:"login_timeout"`
	ParserWait   duration `yaml:"parser_wait"`
	Parsers      int      `yaml:"parsers"`
}

type ruleConfig struct {
	Name       string     `yaml:"name"`
	Verdict    verdict    `yaml:"verdict"`
	Principals []string   `yaml:"principals"`
	Groups     []string   `yaml:"groups"`
	Targets    []string   `yaml:"targets"`
	Verbs      []string   `yaml:"verbs"`
	Effects    effectList `yaml:"effects"`
	Objects    []string   `yaml:"objects"`
	Reason     string     `yaml:"reason"`
	Approvers  []string   `yaml:"approvers"`
	Timeout    duration   `yaml:"timeout"`
	MaxBytes   size       `yaml:"max_bytes"`
	Optional   bool       `yaml:"optional"`
}

// verdict is a protocol.Verdict that must be written down: its zero value,
// deny, would hide that it was forgotten.
type verdict struct {
	given bool
	value protocol.Verdict
}

func (v *verdict) UnmarshalText(text []byte) error {
	v.given = true // also where it is wrong: one complaint is enough
	return v.value.UnmarshalText(text)
}

// effect is one effect; effectList joins several.
type effect protocol.Effects

func (e *effect) UnmarshalText(text []byte) error {
	return (*protocol.Effects)(e).UnmarshalText(text)
}

type effectList []effect

func (l effectList) joined() protocol.Effects {
	var all protocol.Effects
	for _, e := range l {
		all |= protocol.Effects(e)
	}
	return all
}

type masksConfig struct {
	Columns   []columnConfig  `yaml:"columns"`
	Detectors []string        `yaml:"detectors"`
	Patterns  []patternConfig `yaml:"patterns"`
}

type columnConfig struct {
	Column   string `yaml:"column"`
	Method   string `yaml:"method"`
	Keep     int    `yaml:"keep"`
	Key      secret `yaml:"key"`
	Optional bool   `yaml:"optional"`
}

type patternConfig struct {
	Name string `yaml:"name"`
	Expr string `yaml:"expr"`
}

type recordConfig struct {
	Dir         string            `yaml:"dir"`
	Buffered    bool              `yaml:"buffered"`
	KeyFile     string            `yaml:"key_file"`
	SegmentSize size              `yaml:"segment_size"`
	Checkpoints checkpointsConfig `yaml:"checkpoints"`
}

type checkpointsConfig struct {
	Interval duration         `yaml:"interval"`
	Files    []string         `yaml:"files"`
	HTTP     []httpSinkConfig `yaml:"http"`
}

type httpSinkConfig struct {
	URL           string `yaml:"url"`
	Authorization secret `yaml:"authorization"`
}

type limitsConfig struct {
	Connections          int      `yaml:"connections"`
	Sessions             int      `yaml:"sessions"`
	SessionsPerPrincipal int      `yaml:"sessions_per_principal"`
	Handshake            duration `yaml:"handshake"`
	Dial                 duration `yaml:"dial"`
	Idle                 duration `yaml:"idle"`
	Operation            duration `yaml:"operation"`
	Stall                duration `yaml:"stall"`
	Approval             duration `yaml:"approval"`
	Drain                duration `yaml:"drain"`
	Linger               duration `yaml:"linger"`
}
