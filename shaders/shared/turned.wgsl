// Where an element of the kernel turned round lies (conv_gradient_input.wgsl): of term k for a column, among the weights
// [kernel_height kernel_width units, groups channels].

fn turned_at(group: u32, column: u32, k: u32) -> u32 {
    let term = term_of(k);
    let y = params.last_tap_y - term.tap_y * params.tap_step_y;
    let x = params.last_tap_x - term.tap_x * params.tap_step_x;
    let row = (y * params.kernel_width + x) * params.units + column;
    return row * params.source_channels + group * params.channels + term.channel;
}
