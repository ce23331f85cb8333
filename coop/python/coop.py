"""coop: label images with CLIP and with what coop has learned; their features as NumPy arrays.

    import coop
    classifier = coop.Classifier("prompt.safetensors")
    for labels in classifier.classify(["photo.jpg", "another.png"], top=3):
        print(labels)                       # [("cat", 0.93), ("dog", 0.05), ("fox", 0.02)]

    model = coop.Model("ViT-B-32.pt")
    features = model.encode_images(["photo.jpg"])      # (1, 512) float32
    cats = coop.Classifier.zeroshot(model, ["cat", "dog"], ["a photo of a {}."])

An image is a path, the bytes of a file, or pixels: an array (height, width, 3) of bytes. This file alone speaks to
libcoop.so through ctypes; what it does is said in coop.h and coop(3). Only features and pixels need NumPy. Calls
release the interpreter's lock, and one object may be used by any number of threads.
"""
import ctypes
import os
from ctypes import POINTER, c_char, c_char_p, c_double, c_float, c_int, c_size_t, c_void_p

MAJOR = 0  # of the library that this module is for
OK, PARTLY, USAGE, INPUT, FAILED, MEMORY, STOPPED = range(7)
UNIT, CUT = 1, 2


class Error(Exception):
    """What went wrong: `code` as in coop.h, and one line."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class _Error(ctypes.Structure):
    _fields_ = [("code", c_int), ("message", c_char * 1024)]

    def exception(self):
        return Error(self.code, self.message.decode("utf-8", "replace"))


_STOP = ctypes.CFUNCTYPE(c_int, c_void_p)


class _Options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("threads", c_int), ("images", c_int), ("precision", c_int), ("stop", _STOP),
                ("stop_context", c_void_p), ("checkpoint", c_char_p), ("vocabulary", c_char_p), ("towers", c_int),
                ("exif", c_int), ("activation", c_int), ("heads", c_int), ("position", c_int)]


class _Image(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("data", c_void_p), ("size", c_size_t), ("width", c_int), ("height", c_int),
                ("stride", c_size_t), ("reserved", c_void_p * 2)]


class _Label(ctypes.Structure):
    _fields_ = [("index", c_int), ("probability", c_double)]


class _Info(ctypes.Structure):
    _fields_ = [("method", c_char_p), ("dataset", c_char_p), ("backbone", c_char_p), ("shots", c_int),
                ("seed", c_int), ("val_accuracy", c_double), ("accuracy", c_double), ("exif_rotate", c_int)]


def _load():
    """The library where the system has it, or where it lies beside this file when both were installed together."""
    name = "libcoop.so.%d" % MAJOR
    try:
        return ctypes.CDLL(name)
    except OSError:
        prefix = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        return ctypes.CDLL(os.path.join(prefix, "lib", name))


_lib = _load()
_texts = POINTER(c_char_p)
for _name, _result, *_arguments in [
    ("version", c_char_p),
    ("options_init", None, POINTER(_Options), c_size_t),
    ("model_open", c_int, POINTER(c_void_p), c_char_p, POINTER(_Options), POINTER(_Error)),
    ("model_close", None, c_void_p),
    ("model_name", c_char_p, c_void_p),
    ("model_note", c_char_p, c_void_p),
    ("model_width", c_int, c_void_p),
    ("model_image_size", c_int, c_void_p),
    ("encode_images", c_int, c_void_p, c_void_p, POINTER(_Image), c_int, c_int, POINTER(_Error), POINTER(_Error)),
    ("encode_texts", c_int, c_void_p, c_void_p, _texts, c_int, c_int, POINTER(_Error)),
    ("classifier_open", c_int, POINTER(c_void_p), c_char_p, POINTER(_Options), POINTER(_Error)),
    ("classifier_zeroshot", c_int, POINTER(c_void_p), c_void_p, _texts, c_int, _texts, c_int, POINTER(_Error)),
    ("classifier_close", None, c_void_p),
    ("classifier_classes", c_int, c_void_p),
    ("classifier_name", c_char_p, c_void_p, c_int),
    ("classifier_model", c_void_p, c_void_p),
    ("classifier_info", None, c_void_p, POINTER(_Info), c_size_t),
    ("classify", c_int, c_void_p, POINTER(_Image), c_int, POINTER(_Label), c_int, POINTER(_Error),
     POINTER(_Error)),
    ("logits", c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(_Error)),
]:
    _function = getattr(_lib, "coop_" + _name)
    _function.restype, _function.argtypes = _result, _arguments


def version():
    return _lib.coop_version().decode()


def _check(code, error):
    if code != OK:
        raise error.exception()


def _encode_texts(texts):
    return (c_char_p * len(texts))(*[text.encode("utf-8") for text in texts])


def _text(value):
    return None if value is None else value.decode("utf-8", "replace")


def _images(images):
    """The structs, and what they point to, which must live as long."""
    structs, held = (_Image * len(images))(), []
    for struct, image in zip(structs, images):
        if isinstance(image, (str, os.PathLike)):
            struct.name = os.fsencode(image)
        elif isinstance(image, (bytes, bytearray, memoryview)):
            data = bytes(image)
            struct.data, struct.size = ctypes.cast(c_char_p(data), c_void_p), len(data)
            held.append(data)
        else:
            import numpy
            pixels = numpy.asarray(image)
            if pixels.dtype != numpy.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
                raise Error(USAGE, "an image is a path, bytes, or an array (height, width, 3) of uint8")
            pixels = numpy.ascontiguousarray(pixels)
            struct.data, struct.size = pixels.ctypes.data, pixels.nbytes
            struct.height, struct.width = pixels.shape[:2]
            struct.stride = 3 * struct.width
            held.append(pixels)
    return structs, held


_CHOICES = {"precision": ("as learned", "float32", "bfloat16", "auto"), "towers": ("both", "images", "texts"),
            "exif": ("as learned", "ignore", "rotate"), "activation": ("auto", "quick_gelu", "gelu"),
            "position": ("end", "middle", "front")}


def _options(choices):
    options = _Options()
    _lib.coop_options_init(ctypes.byref(options), ctypes.sizeof(options))
    for key, value in choices.items():
        if key not in ("threads", "images", "precision", "stop", "checkpoint", "vocabulary", "towers", "exif", "activation",
                       "heads", "position"):
            raise TypeError("no such option: %s" % key)
        if key in _CHOICES:
            if value not in _CHOICES[key]:
                raise Error(USAGE, "%s %r: one of %s is needed" % (key, value, ", ".join(_CHOICES[key])))
            value = _CHOICES[key].index(value)
        elif key == "stop":
            value = _STOP(lambda context, ask=value: 1 if ask() else 0)
        elif isinstance(value, (str, os.PathLike)):
            value = os.fsencode(value)
        setattr(options, key, value)
    return options


class Model:
    """A checkpoint: a CLIP. Options are those of coop.h: threads=2, precision="bfloat16", towers="images", ..."""

    def __init__(self, path, **options):
        self._handle, self._owned, error = c_void_p(), True, _Error()
        self._options = _options(options)  # holds the stop function
        _check(_lib.coop_model_open(ctypes.byref(self._handle), os.fsencode(path), ctypes.byref(self._options),
                                    ctypes.byref(error)), error)

    @classmethod
    def _of(cls, classifier):
        model = cls.__new__(cls)
        model._handle, model._owned = c_void_p(_lib.coop_classifier_model(classifier._handle)), False
        model._classifier = classifier  # which owns it
        return model

    def __del__(self):
        if getattr(self, "_owned", False):
            _lib.coop_model_close(self._handle)

    name = property(lambda self: _text(_lib.coop_model_name(self._handle)))
    note = property(lambda self: _text(_lib.coop_model_note(self._handle)))
    width = property(lambda self: _lib.coop_model_width(self._handle))
    image_size = property(lambda self: _lib.coop_model_image_size(self._handle))

    def encode_images(self, images, unit=False):
        """Features (n, E), float32. An image that cannot be read is an Error."""
        import numpy
        structs, held = _images(images)
        features, error = numpy.empty((len(images), self.width), numpy.float32), _Error()
        _check(_lib.coop_encode_images(self._handle, features.ctypes.data, structs, len(images), UNIT if unit else 0,
                                       None, ctypes.byref(error)), error)
        return features

    def encode_texts(self, texts, unit=False, cut=False):
        """Features (n, E), float32. A text that is too long is an Error, or cut."""
        import numpy
        features, error = numpy.empty((len(texts), self.width), numpy.float32), _Error()
        _check(_lib.coop_encode_texts(self._handle, features.ctypes.data, _encode_texts(texts), len(texts),
                                      (UNIT if unit else 0) | (CUT if cut else 0), ctypes.byref(error)), error)
        return features


class Classifier:
    """What was learned, with its checkpoint. Options are those of coop.h: checkpoint="...", exif="rotate", ..."""

    def __init__(self, path, **options):
        self._handle, error = c_void_p(), _Error()
        self._options = _options(options)
        _check(_lib.coop_classifier_open(ctypes.byref(self._handle), os.fsencode(path), ctypes.byref(self._options),
                                         ctypes.byref(error)), error)

    @classmethod
    def zeroshot(cls, model, names, templates=()):
        """One from names and hand-written templates, "a photo of a {}." without any."""
        classifier, error = cls.__new__(cls), _Error()
        classifier._handle, classifier._model = c_void_p(), model
        _check(_lib.coop_classifier_zeroshot(ctypes.byref(classifier._handle), model._handle,
                                             _encode_texts(templates), len(templates), _encode_texts(names),
                                             len(names), ctypes.byref(error)), error)
        return classifier

    def __del__(self):
        if getattr(self, "_handle", None):
            _lib.coop_classifier_close(self._handle)

    @property
    def names(self):
        n = _lib.coop_classifier_classes(self._handle)
        return [_text(_lib.coop_classifier_name(self._handle, i)) for i in range(n)]

    @property
    def model(self):
        return Model._of(self)

    @property
    def info(self):
        """What is known of it, as a dict."""
        info = _Info()
        _lib.coop_classifier_info(self._handle, ctypes.byref(info), ctypes.sizeof(info))
        values = {key: getattr(info, key) for key, _ in _Info._fields_}
        return {key: _text(value) if isinstance(value, bytes) else value for key, value in values.items()}

    def classify(self, images, top=1):
        """For each image its best classes, [(name, probability), ...]; an Error in the place of those of an image
        that cannot be read."""
        n, names = len(images), self.names
        structs, held = _images(images)
        labels, errors, error = (_Label * (n * top))(), (_Error * n)(), _Error()
        code = _lib.coop_classify(self._handle, structs, n, labels, top, errors, ctypes.byref(error))
        if code != PARTLY:
            _check(code, error)
        return [[(names[label.index], label.probability) for label in labels[i * top:(i + 1) * top]]
                if errors[i].code == OK else errors[i].exception() for i in range(n)]

    def logits(self, features):
        """Logits (n, K) of features (n, E) of images as encode_images of this classifier's model gives them."""
        import numpy
        features = numpy.ascontiguousarray(features, numpy.float32)
        if features.ndim != 2 or features.shape[1] != self.model.width:
            raise Error(USAGE, "features: an array (n, %d) is needed" % self.model.width)
        n, error = len(features), _Error()
        logits = numpy.empty((n, _lib.coop_classifier_classes(self._handle)), numpy.float32)
        _check(_lib.coop_logits(self._handle, logits.ctypes.data, features.ctypes.data, n, ctypes.byref(error)),
               error)
        return logits
