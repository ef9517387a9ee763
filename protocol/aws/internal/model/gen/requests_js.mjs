// Makes ../testdata/requests-js.txt.gz: requests as the JavaScript SDK's
// clients send them, which share no code with botocore. Nothing is sent: the
// request handler keeps the request and answers none.
//
//   node gen/requests_js.mjs [folder]
//
// installs the clients from npm into the folder (a temporary one if not given).

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVICES = `
  apigateway apigatewayv2 appsync athena autoscaling batch bedrock bedrock-agent bedrock-agent-runtime
  bedrock-runtime chime-sdk-meetings chime-sdk-voice cloudformation cloudfront cloudtrail cloudwatch codebuild
  cognito-identity cognito-idp compute-optimizer config docdb dynamodb dynamodbstreams ec2 ecr ecs efs eks
  elasticache elb elbv2 emr events firehose glue greengrassv2 iam iot iot-data kinesis kms lambda
  lex-models lexv2-models logs mediastore-data neptune opensearch organizations qconnect rds rds-data redshift
  redshift-data route53 s3 s3control sagemaker scheduler secretsmanager ses sesv2 sns sqs ssm sso sso-oidc
  stepfunctions sts timestream-query timestream-write`.trim().split(/\s+/);

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "requests-js-"));
const params = JSON.parse(execFileSync("python3", [join(HERE, "params.py"), ...SERVICES], { maxBuffer: 1 << 28 }));
const packages = Object.fromEntries(
  SERVICES.map((s) => [s, "@aws-sdk/client-" + params[s].id.toLowerCase().replaceAll(" ", "-")]),
);
if (!existsSync(join(folder, "package.json"))) {
  writeFileSync(join(folder, "package.json"), '{"private":true}');
}
execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
  ...Object.values(packages).map((p) => `${p}@3`)], { cwd: folder, stdio: "inherit" });
const require = createRequire(join(folder, "package.json"));

class Taken extends Error {}

// revive turns the dummies of params.py into what the SDK takes.
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if ("$blob" in value) return new TextEncoder().encode(value.$blob);
  if ("$date" in value) return new Date(value.$date);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revive(v)]));
}

const KEPT = new Set(["x-amz-target", "smithy-protocol"]);
const DROPPED =
  /^x-amz-(date|content-sha256|security-token|user-agent|sdk-.*|checksum-.*|trailer|decoded-content-length)$/;

function line(service, operation, r) {
  const headers = Object.fromEntries(Object.entries(r.headers).map(([k, v]) => [k.toLowerCase(), String(v)]));
  const type = headers["content-type"] ?? "";
  const form = type.startsWith("application/x-www-form-urlencoded")
    ? String(r.body).split("&").filter((p) => /^(Action|Version)=/.test(p)).join("&") : "";
  const kept = [];
  for (const name of Object.keys(headers).sort()) {
    if (KEPT.has(name) || (name.startsWith("x-amz-") && !DROPPED.test(name))
      || (name === "content-type" && (form || type.startsWith("application/x-amz-json")))) {
      kept.push(`${name}: ${headers[name]}`);
    }
  }
  const api = /\bapi\/\S+/.exec(headers["user-agent"] ?? headers["x-amz-user-agent"] ?? "");
  if (api) kept.push(`user-agent: ${api[0]}`);
  const query = Object.entries(r.query ?? {}).flatMap(([k, v]) =>
    [v].flat().map((one) => encodeURIComponent(k) + (one === null ? "" : "=" + encodeURIComponent(one)))).join("&");
  const scope = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\/aws4_request/.exec(headers.authorization ?? "");
  return [service, operation, "", r.method, r.hostname, r.path + (query && "?" + query), scope?.[1] ?? "",
    kept.join("\x1f"), form].join("\t");
}

const lines = [];
const failed = [];
let total = 0;
const SESSION_TOKEN = { token: "token", expiration: new Date(Date.now() + 864e5) };
for (const service of SERVICES) {
  const sdk = require(packages[service]);
  const Client = Object.values(sdk).find((v) => typeof v === "function" && /^(?!__).*Client$/.test(v.name)
    && sdk[v.name] === v && v.name !== "__Client");
  let taken, wanted;
  const handle = async (r) => {
    if (wanted !== "DescribeEndpoints" && r.headers["x-amz-target"]?.endsWith(".DescribeEndpoints")) {
      // Clients of Timestream ask where to send everything else.
      const Address = r.hostname.replace(".", "-cell1.");
      const body = JSON.stringify({ Endpoints: [{ Address, CachePeriodInMinutes: 60 }] });
      return { response: { statusCode: 200, headers: {}, body: Readable.from([Buffer.from(body)]) } };
    }
    taken = r;
    throw new Taken();
  };
  const client = new Client({
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "secret" },
    token: SESSION_TOKEN,
    maxAttempts: 1,
    requestHandler: { handle, updateHttpClientConfig() {}, httpHandlerConfigs: () => ({}) },
  });
  for (const [operation, input] of Object.entries(params[service].operations)) {
    const Command = sdk[operation + "Command"];
    if (!Command) continue;
    total++;
    [taken, wanted] = [undefined, operation];
    let why = "";
    try {
      await client.send(new Command(revive(input)));
    } catch (e) {
      why = String(e);
    }
    if (taken) lines.push(line(service, operation, taken));
    else failed.push(`${service} ${operation} ${why.slice(0, 120)}`);
  }
}
const version = JSON.parse(readFileSync(join(folder, "node_modules/@aws-sdk/client-s3/package.json"))).version;
const text = [`# @aws-sdk/client-s3 ${version}`, ...lines.sort()].join("\n") + "\n";
const packed = gzipSync(text, { level: 9 });
packed.fill(0, 4, 8); // no time
writeFileSync(join(HERE, "..", "testdata", "requests-js.txt.gz"), packed);
console.log(`${lines.length} requests of ${total}, ${SERVICES.length} services, SDK ${version}, ${packed.length} bytes`);
if (process.env.REQUESTS_REPORT) failed.forEach((f) => console.error(f));
