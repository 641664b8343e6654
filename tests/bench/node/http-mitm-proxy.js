// http-mitm-proxy with a callback for every frame. Prints "port N" when it listens; ends with its stdin.
const https = require('https');
const { Proxy } = require('http-mitm-proxy');

const proxy = new Proxy();
let bytes = 0;

proxy.onError((context, error, kind) => {
  if (error && error.code !== 'ECONNRESET') console.error(kind, error);
});
proxy.onWebSocketFrame((context, type, fromServer, data, flags, callback) => {
  bytes += data ? data.length : 0;
  return callback(null, data, flags);
});
proxy.listen(
  {
    host: '127.0.0.1',
    port: 0,
    sslCaDir: process.argv[2],
    httpsAgent: new https.Agent({ rejectUnauthorized: false }),
  },
  () => console.log(`port ${proxy.httpPort}`),
);
process.stdin.on('end', () => process.exit(0)).resume();
