import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import fastify, { type FastifyRequest } from "fastify";
import { Problem } from "../errors.js";
import { authenticate } from "./access/authentication.js";
import type { Api, ApiDeps } from "./deps.js";
import { answerBrokenRequest, ignoreExpectations } from "./http/broken-connections.js";
import { protectBrowsers } from "./http/browsers.js";
import { parseJsonBody } from "./http/json-body.js";
import { trackPaths } from "./http/known-paths.js";
import { DEFAULT_LIMITS, type HttpLimits } from "./http/limits.js";
import { sendProblem } from "./http/problem-document.js";
import { requestId } from "./http/request-id.js";
import { requestLogger, traceRequests } from "./http/request-log.js";
import { setSecurityHeaders } from "./http/security-headers.js";
import { validatorCompiler } from "./http/validation.js";
import { HttpMetrics } from "./metrics/http-metrics.js";
import { openAiImagesRoute } from "./openai/images.js";
import { openAiModelRoutes } from "./openai/models.js";
import { describeApi } from "./openapi/document.js";
import { docsRoutes } from "./routes/docs.js";
import { eventsRoute } from "./routes/events.js";
import { generateRoute } from "./routes/generate.js";
import { healthRoutes } from "./routes/health.js";
import { imageRoute } from "./routes/images.js";
import { jobRoutes } from "./routes/jobs.js";
import { metricsRoute } from "./routes/metrics.js";
import { modelRoutes } from "./routes/models.js";
import { operatorRoutes } from "./routes/operator.js";
import { playgroundRoutes } from "./routes/playground.js";

/** Builds the server with every route; it listens nowhere yet. */
export async function buildApp(deps: ApiDeps, limits: HttpLimits = DEFAULT_LIMITS): Promise<Api> {
  const metrics = new HttpMetrics(deps.registry);
  const app = createServer(deps, limits, metrics);
  app.decorateRequest("problemCode", undefined);
  app.addHook("onRequest", async (request, reply) => metrics.watch(request, reply));
  traceRequests(app, deps.tracing);
  const unknownPath = trackPaths(app);
  app.addHook("onRequest", async (request, reply) => setSecurityHeaders(request, reply));
  addRequestChecks(app, limits);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request) => {
    throw unknownPath(request);
  });
  // Before the body is read: a request that leads nowhere is not worth parsing.
  app.addHook("onRequest", async (request) => {
    if (request.is404) throw unknownPath(request);
  });
  await protectBrowsers(app, deps);
  await authenticate(app, deps, limits);
  readBodiesAsJson(app);
  await describeApi(app, deps);
  for (const addRoutes of [generateRoute, jobRoutes, imageRoute, modelRoutes, healthRoutes, metricsRoute])
    addRoutes(app, deps);
  eventsRoute(app, deps, limits);
  openAiImagesRoute(app, deps, limits);
  openAiModelRoutes(app, deps);
  await playgroundRoutes(app, deps);
  await operatorRoutes(app, deps);
  await docsRoutes(app, deps);
  await app.ready();
  return app;
}

function createServer({ logger, config }: ApiDeps, limits: HttpLimits, metrics: HttpMetrics): Api {
  const app = fastify({
    loggerInstance: logger,
    trustProxy: config.trustProxy.length > 0 && [...config.trustProxy],
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // A connection may be silent for as long as its request waits for a picture, and a little longer.
    connectionTimeout: config.syncTimeoutS * 1000 + limits.requestTimeoutMs,
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      // Checked here instead: Node would answer without a body.
      requireHostHeader: false,
    },
    genReqId: requestId,
    childLoggerFactory: requestLogger,
    // While the server drains, states can still be asked for; POST /generate refuses by itself.
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
      throw new Problem("uri_too_long", `An address has at most ${limits.uriCharacters} characters.`);
    }
    if (headers.host === undefined && raw.httpVersion === "1.1") {
      throw new Problem("invalid_request", "The Host header is missing.");
    }
    // Node takes the first; what stands in front may have taken the other (RFC 9112, 3.2).
    if (raw.rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === "host").length > 1) {
      throw new Problem("invalid_request", "The Host header stands there twice; send one.");
    }
    if (headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity") {
      throw new Problem("unsupported_media_type", "Send the body as it is, without Content-Encoding.");
    }
  });
}

/** JSON in UTF-8 is the only body there is; an empty one is no body where none is needed. */
function readBodiesAsJson(app: Api): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^application\/json\s*(;|$)/i,
    { parseAs: "buffer" },
    async (request: FastifyRequest, body: Buffer) => {
      const charset = /;\s*charset="?([^\s;"]+)/i.exec(request.headers["content-type"]!)?.[1];
      if (charset !== undefined && charset.toLowerCase() !== "utf-8") {
        throw new Problem("unsupported_media_type", "JSON is UTF-8; send no other charset.");
      }
      return body.length === 0 && request.method === "DELETE" ? undefined : parseJsonBody(body);
    },
  );
}
