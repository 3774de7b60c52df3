"""Train by transfer learning; write and verify SavedModels."""
