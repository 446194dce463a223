"""How seldom the network can be asked: answers carried along, mattes kept while an edge stands still."""
