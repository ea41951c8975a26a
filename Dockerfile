# One image for server and agent: docker build -t weir .
#
#   docker run --read-only -p 127.0.0.1:7400:7400 weir server --listen 0.0.0.0:7400 --insecure
#
# Any image with Node 22.19 or newer does as a base. No package of Weir is compiled for a platform.
ARG NODE_IMAGE=node:24-alpine

FROM ${NODE_IMAGE} AS build
WORKDIR /weir
COPY package.json package-lock.json ./
# Without their scripts: those fetch a Node and tools that only a checkout needs.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN node scripts/build.mjs && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && find dist node_modules -name '*.d.ts' -delete \
  && chmod +x dist/apps/cli/main.js && mkdir /state

FROM ${NODE_IMAGE}
ENV NODE_ENV=production WEIR_STATE_DIR=/var/lib/weir
WORKDIR /opt/weir
COPY --from=build /weir/package.json ./
COPY --from=build /weir/node_modules node_modules
COPY --from=build /weir/dist dist
COPY packaging/container/health.mjs ./
RUN ln -s /opt/weir/dist/apps/cli/main.js /usr/local/bin/weir
# What the state directory is owned by is what a new volume on it is owned by.
COPY --from=build --chown=1000:1000 /state /var/lib/weir
VOLUME /var/lib/weir
# By number, so that an orchestrator can see that it is not root; it is "node" in Node's images.
USER 1000:1000
EXPOSE 7400 7401 15000 15001
HEALTHCHECK --interval=5s --timeout=15s --start-period=15s --retries=3 CMD ["node", "/opt/weir/health.mjs"]
# Node is process 1 and handles the signal itself: drain, then end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/weir/dist/apps/cli/main.js"]
CMD ["server"]
