# cython: language_level=3, freethreading_compatible=True
# distutils: language = c++
"""Leaves of edgerun.vision over the buffer protocol: single-threaded, without numpy."""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.math cimport isfinite
from libc.stddef cimport ptrdiff_t
from libcpp.vector cimport vector


cdef extern from "kernels/letterbox/letterbox.h" namespace "edgerun" nogil:
    cdef enum class PixelType:
        kInt8
        kUint8
        kFloat32

    cdef cppclass LetterboxTask:
        const unsigned char* source
        int source_height, source_width, source_channels
        ptrdiff_t source_row_stride
        double crop_x, crop_y, crop_width, crop_height
        void* destination
        PixelType type
        int height, width, channels
        ptrdiff_t row_stride, column_stride, channel_stride
        int place_x, place_y, place_width, place_height
        float mix[3][3]
        float bias[3]
        float fill
        int zero_point

    size_t letterbox_scratch_bytes(const LetterboxTask& task)
    void letterbox(const LetterboxTask& task, void* scratch) noexcept


# Sides beyond this are refused, so that no product of sides leaves 32 bits.
cdef Py_ssize_t MAX_SIDE = 32768


def resize_quantize(src, dst, *, crop, place, mix, bias, float fill=0.0, int zero_point=0):
    """Cut `crop` from a picture, resize it into `place`, mix its channels, quantise.

    src: uint8 [H, W] or [H, W, 1 | 3]; the pixels of a row dense, rows at any distance.
    dst: int8, uint8 or float32 [h, w, 1 | 3] with any strides (a transposed view gives planes);
        all of it is written. It must not overlap src.
    crop: x, y, width, height in source pixels (fractions allowed), inside the picture.
    place: x, y, width, height in whole destination pixels, inside the destination.
    mix, bias: float32 values [c][s] and [c]: value[c] = bias[c] + sum of mix[c][s] * pixel[s].
    fill: source value of the pixels outside `place`.
    zero_point: added after rounding half to even; of no meaning for float32.

    The resize is bilinear (half-pixel centres) below a twofold reduction and an area mean from
    there on, each axis for itself; csrc/kernels/letterbox/letterbox.h defines it exactly.
    Raises ValueError for buffers, rectangles or numbers that do not fit. Releases the GIL.
    """
    cdef LetterboxTask task
    cdef Py_buffer source
    cdef Py_buffer target
    cdef vector[float] scratch

    PyObject_GetBuffer(src, &source, PyBUF_STRIDES | PyBUF_FORMAT)
    try:
        PyObject_GetBuffer(dst, &target, PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE)
        try:
            _take_source(&task, &source)
            _take_target(&task, &target)
            _take_rectangles(&task, crop, place)
            _take_numbers(&task, mix, bias, fill, zero_point)
            with nogil:
                scratch.resize(letterbox_scratch_bytes(task) // sizeof(float))
                letterbox(task, scratch.data())
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


cdef int _side(Py_ssize_t length) except -1:
    if not 1 <= length <= MAX_SIDE:
        raise ValueError(f"A picture has sides of 1 to {MAX_SIDE} pixels, not {length}.")
    return <int>length


cdef int _channels(Py_ssize_t count) except -1:
    if count != 1 and count != 3:
        raise ValueError(f"A picture has 1 or 3 channels, not {count}.")
    return <int>count


cdef int _take_source(LetterboxTask* task, Py_buffer* buffer) except -1:
    if buffer.format == NULL or buffer.format[0] != c'B' or buffer.format[1] != 0:
        raise ValueError("A source picture holds uint8.")
    if buffer.ndim != 2 and buffer.ndim != 3:
        raise ValueError(f"A source picture has 2 or 3 dimensions, not {buffer.ndim}.")
    task.source_height = _side(buffer.shape[0])
    task.source_width = _side(buffer.shape[1])
    task.source_channels = _channels(buffer.shape[2]) if buffer.ndim == 3 else 1
    task.source_row_stride = buffer.strides[0]
    task.source = <const unsigned char*>buffer.buf
    dense = task.source_width == 1 or buffer.strides[1] == task.source_channels
    if task.source_channels == 3:
        dense = dense and buffer.strides[2] == 1
    if not dense:
        raise ValueError("The pixels of a source row must be dense.")
    return 0


cdef int _take_target(LetterboxTask* task, Py_buffer* buffer) except -1:
    if buffer.ndim != 3:
        raise ValueError(f"A destination has 3 dimensions, not {buffer.ndim}.")
    kind = (<bytes>buffer.format).decode("ascii") if buffer.format != NULL else ""
    if kind == "b":
        task.type = PixelType.kInt8
    elif kind == "B":
        task.type = PixelType.kUint8
    elif kind == "f":
        task.type = PixelType.kFloat32
    else:
        raise ValueError(f"A destination holds int8, uint8 or float32, not format {kind!r}.")
    task.height = _side(buffer.shape[0])
    task.width = _side(buffer.shape[1])
    task.channels = _channels(buffer.shape[2])
    task.destination = buffer.buf
    for axis in range(3):
        if buffer.strides[axis] % buffer.itemsize != 0:
            raise ValueError("The strides of a destination must be whole elements.")
    task.row_stride = buffer.strides[0] // buffer.itemsize
    task.column_stride = buffer.strides[1] // buffer.itemsize
    task.channel_stride = buffer.strides[2] // buffer.itemsize
    return 0


cdef int _take_rectangles(LetterboxTask* task, crop, place) except -1:
    task.crop_x, task.crop_y, task.crop_width, task.crop_height = crop
    task.place_x, task.place_y, task.place_width, task.place_height = place
    if not (
        task.crop_x >= 0 and task.crop_width > 0 and task.crop_y >= 0 and task.crop_height > 0
        and task.crop_x + task.crop_width <= task.source_width
        and task.crop_y + task.crop_height <= task.source_height
    ):
        raise ValueError(
            f"The crop {tuple(crop)} is empty or leaves the picture of "
            f"{task.source_width} x {task.source_height} pixels."
        )
    if not (
        0 <= task.place_x < task.width and 0 <= task.place_y < task.height
        and 1 <= task.place_width <= task.width - task.place_x
        and 1 <= task.place_height <= task.height - task.place_y
    ):
        raise ValueError(
            f"The place {tuple(place)} is empty or leaves the destination of "
            f"{task.width} x {task.height} pixels."
        )
    return 0


cdef int _take_numbers(
    LetterboxTask* task, mix, bias, float fill, int zero_point
) except -1:
    if len(mix) != task.channels or len(bias) != task.channels:
        raise ValueError(f"mix and bias must have {task.channels} rows, one for each channel.")
    for c in range(task.channels):
        if len(mix[c]) != task.source_channels:
            raise ValueError(f"Each row of mix must have {task.source_channels} values.")
        task.bias[c] = bias[c]
        finite = isfinite(task.bias[c])
        for s in range(task.source_channels):
            task.mix[c][s] = mix[c][s]
            finite = finite and isfinite(task.mix[c][s])
        if not finite:
            raise ValueError("mix and bias must be finite.")
    if not isfinite(fill) or not -128 <= zero_point <= 255:
        raise ValueError("fill must be finite and zero_point within -128 to 255.")
    task.fill = fill
    task.zero_point = zero_point
    return 0
