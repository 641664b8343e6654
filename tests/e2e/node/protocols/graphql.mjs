// GraphQL by graphql-ws, or by the older subscriptions-transport-ws.
//
// Options: legacy.

import { buildSchema, execute, subscribe } from "graphql";
import ws, { WebSocketServer } from "ws";
import { options, peers } from "./peers.mjs";

const schema = buildSchema(`
  type Message { text: String }
  type Query { add(a: Int!, b: Int!): Int, fail: Int }
  type Subscription { onMessage(room: String!): Message, forever: Int }
`);
const rootValue = {
  add: ({ a, b }) => a + b,
  fail: () => {
    throw new Error("it failed");
  },
  async *onMessage({ room }) {
    yield { onMessage: { text: `hello ${room}` } };
    yield { onMessage: { text: `bye ${room}` } };
  },
  async *forever() {
    yield { forever: 1 };
    await new Promise(() => {});
  },
};
const ASKED = [
  ["query Add($a: Int!) { add(a: $a, b: 2) }", { a: 1 }],
  ["{ fail }", {}],
  ["{ nothing }", {}],
  ["subscription ($room: String!) { onMessage(room: $room) { text } }", { room: "a" }],
];
const FOREVER = ["subscription { forever }", {}];

async function present(http) {
  const { useServer } = await import("graphql-ws/use/ws");
  const server = new WebSocketServer({ server: http, path: "/graphql" });
  const roots = { query: rootValue, subscription: rootValue };
  const disposable = useServer({ schema, roots }, server);
  return () => disposable.dispose();
}

async function presentClient(url) {
  const { createClient } = await import("graphql-ws");
  const client = createClient({ lazy: false, url: `${url}/graphql`, webSocketImpl: ws, connectionParams: { token: "x" } });
  for (const [query, variables] of ASKED) {
    await new Promise((resolve) =>
      client.subscribe({ query, variables }, { next() {}, error: resolve, complete: resolve }),
    );
  }
  const endless = client.iterate({ query: FOREVER[0] });
  await endless.next();
  await endless.return();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await client.dispose();
}

async function legacy(http) {
  const { SubscriptionServer } = await import("subscriptions-transport-ws");
  const server = SubscriptionServer.create(
    {
      schema,
      rootValue,
      execute,
      subscribe,
      keepAlive: 200,
    },
    { server: http, path: "/graphql" },
  );
  return () => server.close();
}

async function legacyClient(url) {
  const { SubscriptionClient } = await import("subscriptions-transport-ws");
  const client = new SubscriptionClient(`${url}/graphql`, { connectionParams: { token: "x" } }, ws);
  for (const [query, variables] of ASKED) {
    await new Promise((resolve) =>
      client.request({ query, variables }).subscribe({ next() {}, error: resolve, complete: resolve }),
    );
  }
  await new Promise((resolve) => {
    const subscription = client.request({ query: FOREVER[0] }).subscribe({
      next() {
        subscription.unsubscribe();
        setTimeout(resolve, 400);
      },
    });
  });
  client.close();
}

await peers(options.legacy ? legacy : present, options.legacy ? legacyClient : presentClient);
