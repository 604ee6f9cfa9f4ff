// The sink of `tests/languages.rs` in JavaScript.

import { read } from 'afterimage:action/files@0.1.0';
import { write } from 'afterimage:action/log@0.1.0';
import { load, save } from 'afterimage:action/progress@0.1.0';
import { json } from 'afterimage:action/settings@0.1.0';

const album = () => JSON.parse(json()).ALBUM;

const refuse = (reason, message) => {
  throw { reason, message };
};

const retry = (afterSeconds) => {
  throw { tag: 'retry', val: { afterSeconds, reason: 'the album is busy' } };
};

export const handler = {
  check(draft) {
    if (album() === undefined) refuse('other', 'ALBUM is missing');
    if (draft.files.length === 0) refuse('invalid', 'nothing to deliver');
    if (draft.sender.startsWith('stranger@')) refuse('unauthorized', "no stranger's pictures");
    const video = draft.files.find((file) => file.contentType === 'video/mp4');
    if (video) refuse('unsupported', `no videos: ${video.name}`);
    if (draft.files.length > 3) refuse('too-large', 'at most 3 pictures');
    return draft.service == null ? 1 : 2;
  },

  deliver(upload) {
    switch (upload.body) {
      case 'trap':
        throw new Error('told to trap');
      case 'busy':
        retry(60);
      case 'later':
        retry(undefined);
      case 'full':
        throw { tag: 'reject', val: { reason: 'too-large', message: 'the album is full' } };
    }
    const notes = load();
    let before = 'first';
    if (notes != null) before = `again after ${String.fromCharCode(...notes)}`;
    else save(Uint8Array.from(`attempt ${upload.attempt}`, (letter) => letter.charCodeAt(0)));
    const texts = [];
    const links = [];
    for (const file of upload.files) {
      const hash = new Sha256();
      for (let block = 0, bytes; (bytes = read(file.index, block)).length > 0; block++) {
        hash.update(bytes);
      }
      const length = hash.length;
      const sha256 = hash.digest();
      write('info', `read ${file.name}`, [['bytes', `${length}`], ['sha256', sha256]]);
      texts.push(`${file.name} (${length} bytes, sha256 ${sha256})`);
      links.push(`https://photos.example.org/${album()}/${file.name}`);
    }
    try {
      read(texts.length, 0);
    } catch (error) {
      if ((error.payload ?? error).tag === 'no-such-file') write('debug', 'no more files', []);
    }
    const summary =
      `${album()}: ${texts.join(', ')}; from ${upload.sender}` +
      ` to ${upload.recipients.join(' ')} with ${upload.camera ?? 'some camera'};` +
      ` ${upload.subject}; ${before}`;
    return { summary, links };
  },
};

// FIPS 180-4. The constants are the fractions of roots of the first primes.
const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
const K = primes.map((p) => fraction(Math.cbrt(p)));

class Sha256 {
  state = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
  block = new Uint8Array(64);
  words = new Int32Array(64);
  length = 0;

  update(bytes) {
    for (const byte of bytes) {
      this.block[this.length++ % 64] = byte;
      if (this.length % 64 === 0) this.compress();
    }
  }

  compress() {
    const w = this.words;
    const view = new DataView(this.block.buffer);
    const turn = (x, n) => (x >>> n) | (x << (32 - n));
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(i * 4);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] +
        (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = this.state;
    for (let i = 0; i < 64; i++) {
      const t = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const u = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t) | 0;
      d = c;
      c = b;
      b = a;
      a = (t + u) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (this.state[i] = (this.state[i] + word) | 0));
  }

  digest() {
    const bits = this.length * 8;
    const end = new DataView(new ArrayBuffer(8));
    end.setUint32(0, Math.floor(bits / 2 ** 32));
    end.setUint32(4, bits >>> 0);
    this.update([0x80]);
    while (this.length % 64 !== 56) this.update([0]);
    this.update(new Uint8Array(end.buffer));
    return this.state.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
