"""From a published version to TFLite files for phones, boards and browsers."""
