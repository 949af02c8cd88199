//! The plain port: probes and metrics.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    health::{BROKEN, Health},
    metrics::Metrics,
};

/// The routes of the plain port.
pub fn router(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(healthz).with_state(Arc::clone(&health)))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(print).with_state(metrics))
}

/// Not by what others lack: only what a restart mends makes it fail.
async fn healthz(State(health): State<Arc<Health>>) -> Response {
    if health.is_broken() {
        return (StatusCode::INTERNAL_SERVER_ERROR, format!("{BROKEN}; the log says why\n")).into_response();
    }
    "ok\n".into_response()
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    health.not_ready().map_or_else(
        || "ok\n".into_response(),
        |reason| (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    )
}

async fn print(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.text() {
        Ok(text) => {
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
