// Node's own server, which tells how it read each request, as servers.py says: `node server.js PORT`.
const crypto = require('node:crypto');
const http = require('node:http');

http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces);
    const fields = request.headers;
    const value = {
      method: request.method,
      target: request.url,
      host: fields.host ?? null,
      length: fields['content-length'] ?? null,
      coding: fields['transfer-encoding'] ?? null,
      size: body.length,
      sha256: crypto.createHash('sha256').update(body).digest('hex'),
    };
    response.setHeader('Seen', Buffer.from(JSON.stringify(value)).toString('hex'));
    response.end();
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
