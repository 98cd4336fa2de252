// Mozilla's HTTP Observatory: its own tests and marks, on pages of a local server behind TLS.
//
// The scanner asks for a host on ports 80 and 443. Its retriever takes other ports, so that is
// called here, and the marks are added up as its `scan` does. Its list of hosts that browsers know
// as https-only is downloaded when it is installed with scripts; here it is empty, as localhost is
// not on it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { once } from "node:events";

const home = dirname(createRequire(import.meta.url).resolve("@mdn/mdn-http-observatory/package.json"));
const preloaded = join(home, "conf", "hsts-preload.json");
const part = (path) => import(join(home, "src", path));

/** Return {path: {grade, score, failed}} of a server on `behind` whose public URL has `port`. */
export async function observe({ behind, port, key, certificate, paths }) {
  if (!existsSync(preloaded)) writeFileSync(preloaded, "{}");
  const tls = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, forward);
  const plain = createServer(({ url }, answer) =>
    answer.writeHead(308, { location: `https://localhost:${port}${url}` }).end());
  function forward(asked, answer) {
    const { method, url, headers } = asked;
    const inner = request({ host: "127.0.0.1", port: behind, method, path: url, headers }, (got) => {
      answer.writeHead(got.statusCode, got.rawHeaders);
      got.pipe(answer);
    });
    asked.pipe(inner);
  }
  await once(tls.listen(port, "localhost"), "listening");
  await once(plain.listen(0, "localhost"), "listening");
  try {
    const marks = {};
    for (const path of paths) {
      marks[path] = await mark({ path, httpsPort: port, httpPort: plain.address().port });
    }
    return marks;
  } finally {
    for (const server of [tls, plain]) server.close().closeAllConnections();
  }
}

async function mark(options) {
  const [{ retrieve }, grader, { MINIMUM_SCORE_FOR_EXTRA_CREDIT }, { ALL_TESTS }] = await Promise.all(
    ["retriever/retriever.js", "grader/grader.js", "grader/charts.js", "constants.js"].map(part),
  );
  const got = await retrieve("localhost", options);
  if (!got.responses.auto?.verified) throw new Error(`no verified https for ${options.path}`);
  const results = ALL_TESTS.map((test) => test(got)).filter(({ result }) => result);
  const points = results.map(({ result }) => grader.getScoreModifier(result));
  const plain = points.filter((n) => n < 0).reduce((a, b) => a + b, 100);
  const full = points.reduce((a, b) => a + b, 100);
  const { grade, score } = grader.getGradeForScore(
    plain >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? full : plain,
  );
  const failed = results.filter(({ pass }) => !pass)
    .map(({ result, constructor }) => `${constructor.name}: ${result}`);
  return { grade, score, failed };
}
