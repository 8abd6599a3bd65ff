// Sends the request that is described on standard input with node's own fetch, and prints what came back.
import { readFileSync } from "node:fs";

const ask = JSON.parse(readFileSync(0, "utf8"));
const answer = await fetch(ask.url, {
  method: ask.method,
  headers: ask.headers,
  body: ask.body === null ? undefined : Buffer.from(ask.body, "base64"),
  redirect: ask.follow ? "follow" : "manual",
  signal: AbortSignal.timeout(20_000),
});
const pieces = [];
if (answer.body !== null) {
  for await (const piece of answer.body) pieces.push(piece);
}
const body = Buffer.concat(pieces).toString("base64");
process.stdout.write(JSON.stringify({ status: answer.status, fields: [...answer.headers], body }));
