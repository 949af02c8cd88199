//! Generates the CSI and kubelet-registration services from `proto/`, with a compiler in Rust: no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["csi.proto", "pluginregistration.proto"], ["proto"])?;
    tonic_prost_build::configure()
        // What the driver does not offer answers UNIMPLEMENTED.
        .generate_default_stubs(true)
        .disable_comments(["."])
        .compile_fds(files)?;
    Ok(())
}
