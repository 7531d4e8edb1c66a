//! `sdnctl apply|plan`

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct Files {
    /// A file of objects, YAML or JSON; - is standard input.
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Args)]
pub struct Plan {
    /// A file of objects, YAML or JSON; - is standard input.
    #[arg(short, long = "file", required_unless_present = "nodes", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub size: Option<Size>,
}

/// A size that need not be built.
#[derive(Args)]
#[group(conflicts_with = "files")]
pub struct Size {
    /// So many hosts.
    #[arg(long, value_name = "N")]
    pub nodes: u32,
    /// With so many endpoints on all of them together.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "nodes")]
    pub endpoints: u32,
    /// With so many services of one port.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "nodes")]
    pub services: u32,
    /// With so many backends each; 10 if there are so many endpoints.
    #[arg(long, value_name = "N", requires = "nodes")]
    pub backends: Option<u32>,
}
