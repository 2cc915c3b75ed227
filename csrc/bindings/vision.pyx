# cython: language_level=3, freethreading_compatible=True
# distutils: language = c++
"""Leaves of edgerun.vision over the buffer protocol: single-threaded, without numpy."""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.math cimport isfinite
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport memcpy
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from threading import Lock as _Lock


cdef extern from "base/isa.h" namespace "edgerun":
    cdef enum class Isa:
        pass
    Isa isa_from_name(const string& name) except +ValueError
    Isa isa_best()


cdef extern from "vision/preprocess.h" namespace "edgerun":
    cdef enum class PixelFormat:
        kGrey
        kBgr
        kRgb
        kNv12
        kI420
        kYuyv

    cdef enum class Filter:
        kAuto
        kBilinear
        kArea

    cdef enum class ElementType:
        kInt8
        kUint8
        kFloat32

    cdef cppclass Planes:
        const uint8_t* data[3]
        ptrdiff_t stride[3]

    cdef cppclass PreprocessSpec:
        PixelFormat format
        int width, height
        double crop_x, crop_y, crop_width, crop_height
        Filter filter
        ElementType type
        int out_width, out_height, out_channels
        bint planar
        int place_x, place_y, place_width, place_height
        bint blue_first, grey
        int fill
        double gain[3]
        double bias[3]
        uint8_t table[3][256]

    cdef cppclass CppPreprocess "edgerun::Preprocess":
        CppPreprocess(const PreprocessSpec& spec, Isa isa) except +ValueError
        void run(const Planes& planes, void* out, ptrdiff_t row_stride, ptrdiff_t plane_stride) noexcept nogil
        const char* kernel()
        int plane_count()
        int plane_rows(int plane)
        int plane_row_bytes(int plane)


FORMATS = ("grey", "bgr", "rgb", "nv12", "i420", "yuyv")
FILTERS = ("auto", "bilinear", "area")
cdef dict _FORMATS = {
    "grey": PixelFormat.kGrey, "bgr": PixelFormat.kBgr, "rgb": PixelFormat.kRgb,
    "nv12": PixelFormat.kNv12, "i420": PixelFormat.kI420, "yuyv": PixelFormat.kYuyv,
}
cdef dict _FILTERS = {"auto": Filter.kAuto, "bilinear": Filter.kBilinear, "area": Filter.kArea}
cdef dict _TYPES = {"b": ElementType.kInt8, "B": ElementType.kUint8, "f": ElementType.kFloat32}


cdef class Preprocess:
    """Fills input tensors from pictures of one size and format; docs/preprocessing.md defines the values.

    format: of FORMATS. size: (width, height) in pixels, 1 to 32768; even where colours are of half that size.
    crop: (x, y, width, height) in pixels of the picture, fractions allowed, inside it.
    filter: of FILTERS; "auto" is the area mean from a twofold reduction on, bilinear below, each axis for itself.
    type: "b" (int8), "B" (uint8) or "f" (float32), as in the struct module.
    out_size: (width, height); channels: 1 or 3; planar: [C, H, W] instead of [H, W, C].
    place: (x, y, width, height) in whole pixels of the output, inside it; around it are pixels of value `fill`.
    blue_first: the order of three channels; grey: all three have the luma.
    gain, bias: one for each channel. float32: y = p * gain + bias. 8 bits: what `table` holds as precisely as it
    goes, in quanta; equal results are found faster.
    table: 256 bytes for each channel, y of each p; not used for float32.
    isa: no kernel above this is used; "" for none.

    Raises ValueError for numbers that do not fit.
    """

    cdef unique_ptr[CppPreprocess] _made
    cdef PreprocessSpec _spec
    cdef object _lock
    cdef str _type

    def __init__(self, *, str format, size, crop, place, out_size, int channels, bint planar, str type,
                 gain, bias, table=None, str filter="auto", bint blue_first=False, bint grey=False,
                 int fill=0, str isa=""):
        cdef PreprocessSpec spec
        cdef const uint8_t[::1] entries
        cdef int c
        if format not in _FORMATS or filter not in _FILTERS or type not in _TYPES:
            raise ValueError(f"There is no format {format!r}, filter {filter!r} or type {type!r}.")
        spec.format, spec.filter = <PixelFormat>_FORMATS[format], <Filter>_FILTERS[filter]
        spec.type = <ElementType>_TYPES[type]
        spec.width, spec.height = size
        spec.crop_x, spec.crop_y, spec.crop_width, spec.crop_height = crop
        spec.place_x, spec.place_y, spec.place_width, spec.place_height = place
        spec.out_width, spec.out_height = out_size
        spec.out_channels, spec.planar = channels, planar
        spec.blue_first, spec.grey, spec.fill = blue_first, grey, fill
        if channels not in (1, 3) or len(gain) != channels or len(bias) != channels:
            raise ValueError("gain and bias have one number for each of 1 or 3 channels.")
        for c in range(channels):
            spec.gain[c], spec.bias[c] = gain[c], bias[c]
            if not isfinite(spec.gain[c]) or not isfinite(spec.bias[c]):
                raise ValueError("gain and bias must be finite numbers.")
        if type != "f":
            entries = table
            if entries.shape[0] != 256 * channels:
                raise ValueError(f"A table has 256 bytes for each channel, not {entries.shape[0]} in all.")
            for c in range(channels):
                memcpy(spec.table[c], &entries[256 * c], 256)
        self._spec, self._type, self._lock = spec, type, _Lock()
        self._made.reset(new CppPreprocess(spec, isa_from_name(isa.encode()) if isa else isa_best()))

    @property
    def kernel(self):
        """The name of the kernel that runs."""
        return self._made.get().kernel().decode()

    def run(self, planes, out):
        """Fills `out` from a picture.

        planes: uint8 arrays of two or more dimensions, rows first: [H, W] or [H, W, 3] in one; Y and
        interleaved Cb, Cr (nv12); Y, Cb, Cr (i420); [H, 2 W] (yuyv). Rows may lie at any distance; within one,
        bytes are dense.
        out: of the type, [H, W, C] or (planar) [C, H, W], rows dense. It must not overlap the picture.
        Raises ValueError for arrays that do not fit. Releases the GIL; calls take turns.
        """
        cdef Py_buffer views[4]
        cdef Planes given
        cdef int taken = 0, i, count = self._made.get().plane_count()
        cdef ptrdiff_t row_stride, plane_stride
        if len(planes) != count:
            raise ValueError(f"A picture of this format has {count} planes, got {len(planes)}.")
        try:
            for i in range(count):
                PyObject_GetBuffer(planes[i], &views[i], PyBUF_STRIDES | PyBUF_FORMAT)
                taken += 1
                _check_plane(&views[i], self._made.get().plane_rows(i), self._made.get().plane_row_bytes(i))
                given.data[i], given.stride[i] = <const uint8_t*>views[i].buf, views[i].strides[0]
            PyObject_GetBuffer(out, &views[count], PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE)
            taken += 1
            self._check_output(&views[count], &row_stride, &plane_stride)
            with self._lock:
                with nogil:
                    self._made.get().run(given, views[count].buf, row_stride, plane_stride)
        finally:
            for i in range(taken):
                PyBuffer_Release(&views[i])

    cdef int _check_output(self, Py_buffer* view, ptrdiff_t* row_stride, ptrdiff_t* plane_stride) except -1:
        cdef PreprocessSpec* spec = &self._spec
        cdef int h = spec.out_height, w = spec.out_width, c = spec.out_channels
        cdef int rows = 1 if spec.planar else 0  # which dimension they are
        shape = (c, h, w) if spec.planar else (h, w, c)
        if view.format == NULL or view.format.decode() != self._type:
            raise ValueError(f"The output must hold {self._type!r}.")
        if view.ndim != 3 or (view.shape[0], view.shape[1], view.shape[2]) != shape:
            raise ValueError(f"The output must have the shape {shape}.")
        dense = view.strides[2] == view.itemsize
        dense &= bool(spec.planar) or view.strides[1] == c * view.itemsize
        if not dense:
            raise ValueError("The rows of the output must be dense.")
        row_stride[0], plane_stride[0] = view.strides[rows], view.strides[0] if spec.planar else 0
        if <uintptr_t>view.buf % view.itemsize or row_stride[0] % view.itemsize or plane_stride[0] % view.itemsize:
            raise ValueError("The output must be aligned.")
        return 0


cdef int _check_plane(Py_buffer* view, int rows, int row_bytes) except -1:
    cdef Py_ssize_t bytes = 1
    cdef int d
    if view.format == NULL or view.format[0] != c'B' or view.format[1] != 0:
        raise ValueError("A picture holds uint8.")
    if view.ndim < 2:
        raise ValueError("A picture has at least two dimensions.")
    for d in range(view.ndim - 1, 0, -1):
        if view.strides[d] != bytes and view.shape[d] > 1:
            raise ValueError("The rows of a picture must be dense.")
        bytes *= view.shape[d]
    if view.shape[0] != rows or bytes != row_bytes:
        raise ValueError(
            f"A plane of this picture has {rows} rows of {row_bytes} bytes, not {view.shape[0]} of {bytes}."
        )
    return 0


def suppress(const float[:, ::1] boxes, const int[::1] classes, float overlap):
    """Which boxes remain where one that overlaps an earlier one of its class by more than `overlap` (IoU) goes.

    boxes: float32 [n, 4] corners, the best first; classes: int32 [n]. Returns their indices. Raises ValueError for
    arrays that do not fit.
    """
    cdef Py_ssize_t n = boxes.shape[0], i, j, k, count = 0
    cdef float wide, high, shared, mine
    cdef vector[Py_ssize_t] kept
    cdef vector[float] areas
    cdef bint good
    if boxes.shape[1] != 4 or classes.shape[0] != n:
        raise ValueError("Boxes are [n, 4], and there is a class for each.")
    with nogil:
        for i in range(n):
            mine = max(boxes[i, 2] - boxes[i, 0], <float>0) * max(boxes[i, 3] - boxes[i, 1], <float>0)
            good = True
            for k in range(count):
                j = kept[k]
                if classes[j] != classes[i]:
                    continue
                wide = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
                high = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
                if wide <= 0 or high <= 0:
                    continue
                shared = wide * high
                if shared > overlap * (mine + areas[k] - shared):
                    good = False
                    break
            if good:
                kept.push_back(i)
                areas.push_back(mine)
                count += 1
    return [kept[k] for k in range(count)]
