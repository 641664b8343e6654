// mockttp passing everything through, with a callback for every message.
// Prints "port N" when it listens; ends with its stdin.
const net = require('net');
const mockttp = require('mockttp');

// It knows no address to listen on but all of them, which a proxy for anyone must not.
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function onLoopback(port, ...rest) {
  return typeof port === 'number' ? listen.call(this, port, '127.0.0.1', ...rest) : listen.call(this, port, ...rest);
};

async function main() {
  const https = await mockttp.generateCACertificate();
  const server = mockttp.getLocal({ https, recordTraffic: false });
  await server.start({ startPort: 20000, endPort: 60000 });
  await server.forAnyWebSocket().thenPassThrough({ ignoreHostHttpsErrors: true });
  await server.forUnmatchedRequest().thenPassThrough({ ignoreHostHttpsErrors: true });
  let bytes = 0;
  const seen = (message) => { bytes += message.content.length; };
  await server.on('websocket-message-received', seen);
  await server.on('websocket-message-sent', seen);
  console.log(`port ${server.port}`);
  process.stdin.on('end', () => process.exit(0)).resume();
}

main();
