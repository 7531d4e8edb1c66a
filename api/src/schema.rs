//! How values of foreign types stand in the OpenAPI document.

use utoipa::ToSchema;

/// An IP address.
#[derive(ToSchema)]
#[schema(value_type = String, examples("10.244.1.2"))]
#[expect(dead_code, reason = "only its schema is used")]
pub struct Ip(String);

/// An address and the length of its prefix.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^[0-9A-Fa-f.:]+/[0-9]{1,3}$", examples("10.244.0.0/16"))]
#[expect(dead_code, reason = "only its schema is used")]
pub struct Cidr(String);

/// A virtual IP address, or `none` for a service that only has names.
#[derive(ToSchema)]
#[schema(value_type = String, examples("10.96.0.10"))]
#[expect(dead_code, reason = "only its schema is used")]
pub struct Vip(String);
