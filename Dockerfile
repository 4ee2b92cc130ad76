# docker build -t marimba .  CPU
# docker build -t marimba:cuda --build-arg PROVIDER=cuda --build-arg BASE_IMAGE=nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04 .
#   NVIDIA GPUs, with CUDA 13 (Linux x64)
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG BASE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

# Production dependencies, without ONNX Runtime's libraries for other platforms (240 MB).
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
RUN find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +
COPY --from=build /app/dist dist
# ONNX Runtime's CUDA provider, which its npm package does not contain.
ARG PROVIDER=cpu
RUN if [ "$PROVIDER" = cuda ]; then apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-pip && node dist/main.js gpu install; fi

FROM ${BASE_IMAGE}
ARG PROVIDER=cpu
ENV PROVIDER=${PROVIDER}
COPY --from=build /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY models models
COPY kernels kernels
COPY --from=build /app/dist dist
# Fails the build if the base lacks the libraries that the provider was built for. The driver comes with the host.
RUN [ "$PROVIDER" != cuda ] || node dist/main.js gpu check --without-driver
# A volume mounted here inherits the folder's mode, so that the image's user can write the first key.
RUN mkdir -m 1777 keys
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
# A number, so that Kubernetes can verify that it is not root. Everything in /app belongs to root.
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.WORKER_PORT || process.env.PORT) + '/health/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
