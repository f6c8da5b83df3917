//! The `wgslearn` program: see `src/cli`.

fn main() -> std::process::ExitCode {
    wgslearn::cli::main()
}
