"""Every exception that edgerun raises on purpose. Messages are whole sentences: place, expected, got."""


class EdgerunError(Exception):
    """The base of all errors of edgerun."""


class ModelError(EdgerunError):
    """A model that cannot be loaded or run."""


class FormatError(ModelError):
    """A file that is not what it claims to be: truncated, out of bounds, inconsistent."""


class UnsupportedOperatorError(ModelError):
    """A sound model that uses operators or types edgerun does not have; all of them are listed."""


class QuantizationError(ModelError):
    """Quantisation parameters that mean nothing: a scale that is zero, negative, infinite, NaN."""


class InputError(EdgerunError, ValueError):
    """An argument of the caller: wrong name, shape, dtype or value."""


class CameraError(EdgerunError):
    """A source of frames that cannot be opened, or that stopped."""


class ConfigError(EdgerunError):
    """A configuration file, environment variable or model card with a wrong key or value."""


class SignatureError(EdgerunError):
    """A signed file whose signature does not hold."""


class AccessError(EdgerunError):
    """A request without the right to what it asks for."""
