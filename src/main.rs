//! The `wgslearn` program: see `src/cli`.

fn main() -> std::process::ExitCode {
    // Mesa's device-select layer asks Wayland, which complains on standard error where there is
    // no desktop session. It has no say in a program that picks its adapter itself.
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: no other thread exists yet.
        #[allow(unsafe_code)]
        unsafe {
            std::env::set_var("NODEVICE_SELECT", "1");
        }
    }
    wgslearn::cli::main()
}
