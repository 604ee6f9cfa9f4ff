// Sends every picture of an upload to a topic of ntfy: one message each, with
// the picture attached. What came in the e-mail stands in the first.

import { load, save } from 'afterimage:action/progress@0.1.0';
import { json } from 'afterimage:action/settings@0.1.0';

import { NoAnswer, put } from './request.js';

const KNOWN = ['URL', 'PRIORITY', 'TAGS'];
const REASONS = { 401: 'unauthorized', 403: 'unauthorized', 413: 'too-large', 415: 'unsupported' };

export const handler = {
  check(draft) {
    // The camera hears of wrong settings now, rather than nobody later.
    const settings = JSON.parse(json());
    const unknown = Object.keys(settings).filter((key) => !KNOWN.includes(key));
    if (!/^https?:\/\/[^/]+\/[\w-]+$/.test(settings.URL)) {
      throw rejection('other', '[NTFY] needs URL = "https://ntfy.sh/topic"');
    }
    if (unknown.length > 0) throw rejection('other', `[NTFY] has no ${unknown.join(', ')}`);
    if (draft.files.length === 0) throw rejection('invalid', 'no picture to send');
    return 1;
  },

  deliver(upload) {
    const { URL, PRIORITY, TAGS } = JSON.parse(json());
    // Where every picture is that an earlier attempt has sent.
    const notes = load();
    const links = notes ? JSON.parse(new TextDecoder().decode(notes)) : [];
    for (const file of upload.files.slice(links.length)) {
      const headers = { filename: line(file.name), title: title(upload, file) };
      if (file.index === 0 && upload.body.trim()) headers.message = line(upload.body.trim().slice(0, 2000));
      if (PRIORITY) headers.priority = line(String(PRIORITY));
      if (TAGS) headers.tags = line(String(TAGS));
      links.push(send(URL, headers, file));
      save(new TextEncoder().encode(JSON.stringify(links)));
    }
    return { summary: `sent ${links.length} pictures to ${URL}`, links: links.filter(Boolean) };
  },
};

// Sends one message; answers where its picture is.
function send(url, headers, file) {
  let answer;
  try {
    answer = put(url, headers, file);
  } catch (error) {
    if (error instanceof NoAnswer) throw retry(undefined, `ntfy: ${error.message}`);
    throw error;
  }
  let said = {};
  try {
    said = JSON.parse(answer.body);
  } catch {
    // Something before ntfy answers in HTML.
  }
  if (answer.status === 200) {
    // Nothing but ntfy answers so; what a proxy says proves nothing.
    const link = said?.attachment?.url;
    if (said?.id || link) return link ?? '';
    throw retry(undefined, `${url} does not answer like ntfy`);
  }
  const words = (said?.error ?? answer.body).split(/\s+/).join(' ').slice(0, 100);
  const message = `ntfy answers ${answer.status}: ${words}`;
  if ([408, 425, 429].includes(answer.status) || answer.status >= 500) {
    const after = answer.header('retry-after');
    throw retry(/^\d+$/.test(after) ? Number(after) : undefined, message);
  }
  throw { tag: 'reject', val: rejection(REASONS[answer.status] ?? 'other', message) };
}

function title(upload, file) {
  const title = line(upload.subject || `From ${upload.camera ?? upload.sender}`);
  return upload.files.length > 1 ? `${title} (${file.index + 1}/${upload.files.length})` : title;
}

// As ntfy has a text in a header: UTF-8, with \n for the end of a line.
function line(text) {
  return text.replace(/\r?\n|\r/g, '\\n').replace(/[\x00-\x1f\x7f]/g, ' ');
}

function retry(afterSeconds, reason) {
  return { tag: 'retry', val: { afterSeconds, reason } };
}

function rejection(reason, message) {
  return { reason, message };
}
