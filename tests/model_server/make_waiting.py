"""Write a model that waits for files: ``python make_waiting.py BASE VERSION [--load DIR]``.

Its signature ``serving_default`` takes ``path``, writes ``path.begun`` and answers once ``path``
exists: a call that is under way for exactly as long as a test wants. With ``--load`` loading the
version writes ``DIR/load.begun`` and ends once ``DIR/load`` exists. Runs in a process of its own.
"""

import argparse

import tensorflow as tf

tf1 = tf.compat.v1


def wait_for(path: "tf.Tensor") -> "tf.Tensor":
    """Write a mark, then return 1 when the file exists; the run can be cancelled until then."""

    def look(_found):
        # Something random in the loop keeps graph optimisation from looking once and for all.
        nothing = tf.strings.substr(tf.strings.as_string(tf.random.uniform([])), 0, 0)
        return tf.size(tf.io.matching_files(tf.strings.join([path, nothing])))

    with tf.control_dependencies([tf.io.write_file(path + ".begun", "")]):
        none = tf.identity(tf.constant(0))
    return tf.while_loop(lambda found: tf.equal(found, 0), look, [none])[0]


def main() -> None:
    """Write the version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("version", type=int)
    parser.add_argument("--load")
    arguments = parser.parse_args()
    graph = tf.Graph()
    with graph.as_default(), tf1.Session() as session:
        path = tf1.placeholder(tf.string, [], "path")
        found = tf.identity(wait_for(path), "found")
        main_op = None
        if arguments.load:
            main_op = wait_for(tf.constant(f"{arguments.load}/load")).op
        builder = tf1.saved_model.Builder(f"{arguments.base}/{arguments.version}")
        signature = tf1.saved_model.predict_signature_def({"path": path}, {"found": found})
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            main_op=main_op,
        )
        builder.save()


if __name__ == "__main__":
    main()
