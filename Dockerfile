# The gateway in a container: `docker build -t remote-cluster-gateway .`
FROM python:3.13-slim AS build
WORKDIR /app
RUN pip install --no-cache-dir uv
ENV UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY gateway gateway
COPY protocol protocol
COPY certs certs
RUN uv sync --locked --no-dev --no-editable

FROM python:3.13-slim
COPY --from=build /venv /venv
RUN useradd --system --create-home --home-dir /var/lib/rcgateway rcgateway
USER rcgateway
WORKDIR /var/lib/rcgateway
ENV PATH=/venv/bin:$PATH RCGATEWAY_NETWORK_HOST=0.0.0.0
EXPOSE 9443 9300
VOLUME /var/lib/rcgateway
ENTRYPOINT ["rcgateway"]
CMD ["serve", "--config", "/etc/rcgateway/gateway.yml"]
