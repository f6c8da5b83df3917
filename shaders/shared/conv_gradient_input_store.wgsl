// How conv_gradient_input.wgsl ends an element: bias and activation, or a derivative. For outputs bound as f32.

fn store(part: u32, row: u32, column: u32, sum: f32) {
    let place = place_of(params.first_picture, row);
    let y = params.target_first_y + place.line * params.target_step_y;
    let x = params.target_first_x + place.column * params.target_step_x;
    let pixel = (place.picture * params.target_height + y) * params.target_width + x;
    let channel = part * params.units + column;
    let at = pixel * params.groups * params.units + channel;
    var z = sum;
    if params.first_term > 0u {
        z += output[at];
    }
    if params.first_term + params.terms == params.taps_y * params.taps_x * params.channels {
        if params.derivative == 1u {
            z *= activation_derivative(params.activation, values[at]);
        } else {
            if params.bias == 1u {
                z += values[channel];
            }
            z = activate(params.activation, z);
        }
    }
    output[at] = z;
}
