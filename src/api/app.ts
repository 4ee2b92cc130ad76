import { setMaxListeners } from "node:events";
import type { AddressInfo } from "node:net";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import fastify, { type FastifyRequest } from "fastify";
import { Problem } from "../errors.js";
import { browsableAddress, listenError } from "../telemetry/listening.js";
import { authenticate } from "./access/authentication.js";
import type { Api, ApiDeps, RouteDeps } from "./deps.js";
import { answerBrokenRequest, ignoreExpectations } from "./http/broken-connections.js";
import { protectBrowsers, setSecurityHeaders } from "./http/browsers.js";
import { parseJsonBody } from "./http/json-body.js";
import { hasTrailingSlash, trackPaths, withoutPublicPath } from "./http/known-paths.js";
import { DEFAULT_LIMITS, type HttpLimits } from "./http/limits.js";
import { sendProblem } from "./http/problem-document.js";
import { requestId, requestLogger, traceRequests } from "./http/request-log.js";
import { validatorCompiler } from "./http/validation.js";
import { HttpMetrics } from "./metrics/http-metrics.js";
import { openAiImagesRoutes } from "./openai/images.js";
import { openAiModelRoutes } from "./openai/models.js";
import { describeApi } from "./openapi/document.js";
import { docsRoutes } from "./routes/docs.js";
import { editRoute } from "./routes/edits.js";
import { eventsRoute } from "./routes/events.js";
import { generateRoute } from "./routes/generate.js";
import { healthRoutes } from "./routes/health.js";
import { imageRoutes } from "./routes/images.js";
import { jobRoutes } from "./routes/jobs.js";
import { metricsRoute } from "./routes/metrics.js";
import { modelRoutes } from "./routes/models.js";
import { operatorRoutes } from "./routes/operator.js";
import { playgroundRoutes } from "./routes/playground.js";

const ROUTES: readonly ((app: Api, deps: RouteDeps) => void | Promise<void>)[] = [
  generateRoute,
  editRoute,
  jobRoutes,
  imageRoutes,
  eventsRoute,
  modelRoutes,
  openAiImagesRoutes,
  openAiModelRoutes,
  healthRoutes,
  metricsRoute,
  operatorRoutes,
  playgroundRoutes,
  docsRoutes,
];

/** Builds the server with every route; it does not listen yet. */
export async function buildApp(deps: ApiDeps, limits: HttpLimits = DEFAULT_LIMITS): Promise<Api> {
  const metrics = new HttpMetrics(deps.registry);
  const app = createServer(deps, limits, metrics);
  app.decorateRequest("problemCode", undefined);
  app.addHook("onRequest", async (request, reply) => metrics.watch(request, reply));
  traceRequests(app, deps.tracing);
  const unknownPath = trackPaths(app, deps.config.publicPath);
  app.addHook("onRequest", async (request, reply) => setSecurityHeaders(request, reply));
  addRequestChecks(app, limits);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request) => {
    throw unknownPath(request);
  });
  // First, so that a page of another origin can read what is wrong with its address.
  await protectBrowsers(app, deps);
  // Before the body is read: a request to no address is not worth parsing.
  app.addHook("onRequest", async (request) => {
    if (request.is404 || hasTrailingSlash(request)) throw unknownPath(request);
  });
  await authenticate(app, deps, limits);
  readBodiesAsJson(app);
  await describeApi(app, deps);
  const closing = new AbortController();
  // Every waiting request listens.
  setMaxListeners(0, closing.signal);
  app.addHook("preClose", async () => closing.abort());
  for (const addRoutes of ROUTES) await addRoutes(app, { ...deps, limits, closing: closing.signal });
  await app.ready();
  return app;
}

/** Listens and returns an address to open, such as `http://127.0.0.1:8080`. Throws `ListenError`. */
export async function listen(app: Api, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `listening on ${address}` });
  } catch (error) {
    throw listenError(error, host, port, "PORT");
  }
  const bound = app.server.address() as AddressInfo;
  return browsableAddress(host, bound.port);
}

function createServer({ logger, config }: ApiDeps, limits: HttpLimits, metrics: HttpMetrics): Api {
  const app = fastify({
    loggerInstance: logger,
    trustProxy: config.trustProxy.length > 0 && [...config.trustProxy],
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: config.keepAliveS * 1000,
    // A connection may be silent for as long as its request waits for an image, and a little longer.
    connectionTimeout: config.syncTimeoutS * 1000 + limits.requestTimeoutMs,
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      // Checked in addRequestChecks: Node would answer without a body.
      requireHostHeader: false,
    },
    rewriteUrl: ({ url }) => withoutPublicPath(url!, config.publicPath),
    genReqId: requestId,
    childLoggerFactory: requestLogger,
    // While the server drains, jobs can still be read; POST /generate refuses by itself.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      metrics.watch(request, reply);
      setSecurityHeaders(request, reply);
      sendProblem(error, request, reply);
    },
    clientErrorHandler(error, socket) {
      const problem = answerBrokenRequest(error, socket);
      if (problem) metrics.countBroken(problem.status, problem.code);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = limits.connections;
  ignoreExpectations(app.server);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  return app as Api;
}

function addRequestChecks(app: Api, limits: HttpLimits): void {
  app.addHook("onRequest", async ({ raw, headers }) => {
    if (raw.url!.length > limits.uriCharacters) {
      throw new Problem("uri_too_long", `An address may have at most ${limits.uriCharacters} characters.`);
    }
    if (headers.host === undefined && raw.httpVersion === "1.1") {
      throw new Problem("invalid_request", "The Host header is missing.");
    }
    // Node takes the first, a proxy in front may have taken the other (RFC 9112, 3.2).
    if (raw.rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === "host").length > 1) {
      throw new Problem("invalid_request", "The Host header appears twice; send it once.");
    }
    if (headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity") {
      throw new Problem("unsupported_media_type", "Send the body uncompressed, without Content-Encoding.");
    }
  });
}

/** Every body is JSON in UTF-8. An empty one counts as absent where no body is required. */
function readBodiesAsJson(app: Api): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^application\/json\s*(;|$)/i,
    { parseAs: "buffer" },
    async (request: FastifyRequest, body: Buffer) => {
      const charset = /;\s*charset="?([^\s;"]+)/i.exec(request.headers["content-type"]!)?.[1];
      if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
        throw new Problem("unsupported_media_type", "JSON is always UTF-8; send no other charset.");
      }
      return body.length === 0 && request.method === "DELETE" ? undefined : parseJsonBody(body);
    },
  );
}
