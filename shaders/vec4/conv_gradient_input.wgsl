// conv_gradient_input (see conv_gradient_input.wgsl) for units that are a multiple of 4, over bindings of vec4f; patches and
// kernel by shared/patch_*.wgsl and shared/turned_*.wgsl. One form of shared/product_vec4.wgsl.

const B_ALONG_K: bool = true;

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let place = place_of(params.first_picture, row);
    let y = params.target_first_y + place.line * params.target_step_y;
    let x = params.target_first_x + place.column * params.target_step_x;
    let pixel = (place.picture * params.target_height + y) * params.target_width + x;
    let channel_4 = part * (params.units / 4u) + column_4;
    let at = pixel * params.groups * (params.units / 4u) + channel_4;
    var z = sums;
    if params.first_term > 0u {
        z += output[at];
    }
    if params.first_term + params.terms == params.taps_y * params.taps_x * params.channels {
        if params.derivative == 1u {
            let y = values[at];
            z *= activation_derivative_4(params.activation, y);
        } else {
            if params.bias == 1u {
                z += values[channel_4];
            }
            z = activate_4(params.activation, z);
        }
    }
    output[at] = z;
}
