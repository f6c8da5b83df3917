// How conv_forward.wgsl ends an element: bias and activation, or a derivative. For outputs bound as f32.

fn store(part: u32, row: u32, column: u32, sum: f32) {
    let filters = params.groups * params.units;
    // Places lie one behind another, in whole pictures or in a band of one.
    let pixel = (params.first_picture * params.target_height + params.first_line) * params.columns + row;
    let unit = part * params.units + column;
    let at = pixel * filters + unit;
    let all = params.taps_y * params.taps_x * params.channels;
    var z = sum;
    if params.first_term > 0u {
        z += output[at];
    }
    if params.first_term + params.terms == all {
        if params.derivative == 1u {
            z *= activation_derivative(params.activation, values[at]);
        } else {
            if params.bias == 1u {
                z += weights[all * filters + unit];
            }
            z = activate(params.activation, z);
        }
    }
    output[at] = z;
}
