// Requests through wasi:http 0.2. The bytes of files go from the host's disk
// into the request without entering JavaScript.
//
// `fetch` with a ReadableStream works as well and is shorter, but SpiderMonkey
// keeps the blocks until it collects garbage: 100 MiB and more.

import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';
import { handle } from 'wasi:http/outgoing-handler@0.2.12';
import { Fields, OutgoingBody, OutgoingRequest } from 'wasi:http/types@0.2.12';

// Bytes of an answer that are read.
const LARGEST = 1 << 20;

const encode = (text) => new TextEncoder().encode(text);

// There is no answer, in words that say why.
export class NoAnswer extends Error {}

// Sends a file of the upload; the host adds secrets and checks grants.
// Answers with status, header(name) and body.
export function put(address, headers, file) {
  const url = new URL(address);
  const fields = Object.entries({ ...headers, 'content-length': file.size, 'user-agent': 'Afterimage' });
  let outgoing, answer;
  try {
    const request = new OutgoingRequest(
      Fields.fromList(fields.map(([name, value]) => [name, encode(String(value))])),
    );
    request.setMethod({ tag: 'put' });
    request.setScheme({ tag: url.protocol === 'https:' ? 'HTTPS' : 'HTTP' });
    request.setAuthority(url.host);
    request.setPathWithQuery(url.pathname + url.search);
    outgoing = request.body();
    answer = handle(request, undefined);
  } catch (error) {
    throw new NoAnswer(words(error.payload));
  }
  if (splice(outgoing, file)) OutgoingBody.finish(outgoing, undefined);
  else drop(outgoing);
  const ready = answer.subscribe();
  ready.block();
  const { val: got } = answer.get();
  drop(ready, answer);
  if (got.tag !== 'ok') throw new NoAnswer(words(got.val));
  return read(got.val);
}

// False if the server does not take it all; it may have answered before.
function splice(outgoing, file) {
  const folders = getDirectories();
  const [folder] = folders.find(([, name]) => name === '/upload');
  const source = folder.openAt({}, file.name, {}, { read: true });
  const content = source.readViaStream(0n);
  const stream = outgoing.write();
  try {
    for (let left = BigInt(file.size); left > 0n; ) left -= stream.blockingSplice(content, left);
    return true;
  } catch {
    return false;
  } finally {
    drop(stream, content, source, ...folders.map(([folder]) => folder));
  }
}

function read(response) {
  const status = response.status();
  const fields = response.headers();
  const headers = new Map(fields.entries());
  const body = response.consume();
  const stream = body.stream();
  const decoder = new TextDecoder();
  let content = '';
  try {
    while (content.length < LARGEST) {
      content += decoder.decode(stream.blockingRead(65536n), { stream: true });
    }
  } catch (error) {
    if (error.payload?.tag !== 'closed') throw new NoAnswer('its answer breaks off');
  } finally {
    drop(stream, body, fields, response);
  }
  const header = (name) => new TextDecoder().decode(headers.get(name));
  return { status, header, body: content };
}

// Now, children first: the host counts what a plugin holds, and the garbage
// collector takes its time.
function drop(...resources) {
  for (const resource of resources) resource[Symbol.dispose]();
}

// `connection-refused` as "connection refused".
function words(code) {
  return (code?.tag ?? 'wrong request').replace(/-/g, ' ').toLowerCase();
}
