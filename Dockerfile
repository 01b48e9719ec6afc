# Flightdeck with all that it runs: Node, its packages, a PostgreSQL and a Redis of its own, and what makes backups.
#
# The base is pinned by its exact version, which is the one that package.json names. Whoever wants the very bytes adds the
# digest that `docker buildx imagetools inspect node:24.21.0-bookworm-slim` tells.

FROM node:24.21.0-bookworm-slim AS modules
WORKDIR /flightdeck
COPY package.json package-lock.json .npmrc ./
# The base brings the same Node that the package does, which is there for machines without one.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/node-linux-* node_modules/.bin/node \
  && npm pkg delete devDependencies \
  && npm sbom --sbom-format=cyclonedx > npm.cdx.json

FROM node:24.21.0-bookworm-slim

# Further majors of PostgreSQL, such as "17 18": a dump of a newer server needs a newer pg_dump, and its drill that server.
ARG FURTHER_POSTGRES=""
# Flightdeck starts servers of its own, so the packages make no cluster. tini is the first process: it passes signals on
# and takes leave of orphans, which Node does not. ssh is there for a git witness.
RUN export DEBIAN_FRONTEND=noninteractive \
  && mkdir -p /etc/postgresql-common/createcluster.d \
  && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/flightdeck.conf \
  && apt-get update \
  && apt-get install -y --no-install-recommends \
    age \
    ca-certificates \
    git \
    openssh-client \
    openssl \
    postgresql \
    postgresql-client \
    redis-server \
    tini \
    zstd \
  && if [ -n "$FURTHER_POSTGRES" ]; then \
    echo "deb [signed-by=/usr/share/postgresql-common/pgdg/apt.postgresql.org.asc] https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main" \
      > /etc/apt/sources.list.d/pgdg.list \
    && apt-get update \
    && apt-get install -y --no-install-recommends $(printf "postgresql-%s " $FURTHER_POSTGRES); \
  fi \
  && rm -rf /var/lib/apt/lists/*

# The number is what files and folders of the host are given to. A user without a name could start no PostgreSQL.
RUN groupadd --gid 10001 flightdeck \
  && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin flightdeck \
  && install -d -o flightdeck -g flightdeck -m 0700 /data \
  && install -d -o flightdeck -g flightdeck -m 0755 /evidence \
  && install -d -m 0755 /run/secrets /flightdeck/config \
  && printf '#!/bin/sh\nexec /usr/local/bin/node /flightdeck/src/main.ts "$@"\n' > /usr/local/bin/flightdeck \
  && chmod 0755 /usr/local/bin/flightdeck

WORKDIR /flightdeck
# Where a configuration names no folders they are the ones beside the program, and these are the volumes.
RUN ln -s /data data && ln -s /evidence comms
COPY --from=modules /flightdeck/node_modules node_modules
COPY --from=modules /flightdeck/npm.cdx.json npm.cdx.json
COPY package.json LICENSE ./
COPY src src
COPY ops ops
# How its own data is kept, and comes back.
COPY scripts/image-backup.sh scripts/image-restore.sh scripts/

LABEL org.opencontainers.image.title="Flightdeck" \
  org.opencontainers.image.description="An admin Telegram bot with which a small team takes an application to production and keeps it there." \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.base.name="docker.io/library/node:24.21.0-bookworm-slim"

ENV NODE_ENV=production
USER 10001:10001
VOLUME ["/data", "/evidence"]
STOPSIGNAL SIGTERM
# About this process alone: whoever restarts it should not do so because something else is down. It asks where `http` of
# the configuration listens by default; HEALTH_URL names another place.
HEALTHCHECK --interval=30s --timeout=5s --start-period=150s --retries=3 CMD ["node", "-e", "fetch(process.env.HEALTH_URL ?? 'http://127.0.0.1:9464/healthz', { signal: AbortSignal.timeout(4000) }).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "flightdeck"]
CMD ["start"]
