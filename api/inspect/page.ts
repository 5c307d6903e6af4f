/**
 * The inspector's page: every node serves it, no request leaves the node, scripts and styles come from here only.
 * The page itself holds no data: it asks for the API key once and then speaks to the API.
 */
import staticFiles from '@fastify/static';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Api, ApiReply } from '../http.js';

/** Browser modules out of node_modules, under the names the page imports them by. */
const VENDOR = ['preact', 'preact/hooks', '@preact/signals-core', '@preact/signals', 'htm', 'htm/preact'] as const;
const ENTRY = './ui/main.js';

const fileNameOf = (name: string): string => `${name.replace('@', '').replaceAll('/', '-')}.mjs`;

interface Page {
  readonly html: string;
  readonly style: string;
  readonly policy: string;
}

/** The page with its import map, and a policy that lets in this very map and nothing from elsewhere. */
function readPage(): Page {
  const folder = new URL('../../../api/inspect/page/', import.meta.url);
  const imports = Object.fromEntries(VENDOR.map((name) => [name, `/inspect/vendor/${fileNameOf(name)}`]));
  const map = JSON.stringify({ imports });
  const hash = createHash('sha256').update(map).digest('base64');
  return {
    html: readFileSync(new URL('inspector.html', folder), 'utf8')
      .replace('{{import-map}}', map)
      .replace('{{entry}}', `/inspect/${ENTRY.slice(2)}`),
    style: readFileSync(new URL('inspector.css', folder), 'utf8'),
    policy: [
      "default-src 'none'",
      `script-src 'self' 'sha256-${hash}'`,
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  };
}

/** Registers /inspect and what it loads. Open: the key is asked for by the API it calls. */
export async function registerInspector(api: Api): Promise<void> {
  const page = readPage();
  // Six small modules, read once: what is served cannot change under a running page.
  const vendor = new Map(
    VENDOR.map((name) => [fileNameOf(name), readFileSync(new URL(import.meta.resolve(name)), 'utf8')]),
  );
  await api.register(staticFiles, {
    root: fileURLToPath(new URL('./ui/', import.meta.url)),
    prefix: '/inspect/ui/',
    index: false,
    cacheControl: false,
    allowedPath: (path) => path.endsWith('.js'),
    setHeaders: (reply) => void reply.header('Cache-Control', 'no-cache'),
  });
  const safe = (reply: ApiReply): ApiReply =>
    reply.headers({
      'Content-Security-Policy': page.policy,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-cache',
    });
  const hidden = { schema: { hide: true } };
  api.get('/inspect', hidden, (_request, reply) => reply.redirect('/inspect/'));
  api.get('/inspect/', hidden, (_request, reply) => safe(reply).type('text/html; charset=utf-8').send(page.html));
  api.get('/inspect/inspector.css', hidden, (_request, reply) =>
    safe(reply).type('text/css; charset=utf-8').send(page.style),
  );
  api.get('/inspect/vendor/:file', hidden, (request, reply) => {
    const module = vendor.get((request.params as { file: string }).file);
    if (module === undefined) return reply.callNotFound();
    return reply.type('text/javascript; charset=utf-8').header('Cache-Control', 'no-cache').send(module);
  });
}
