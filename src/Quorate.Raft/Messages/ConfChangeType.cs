namespace Quorate.Raft;

/// <summary>What a change of the configuration does to one member.</summary>
public enum ConfChangeType
{
    AddNode = 0,
    RemoveNode = 1,
    UpdateNode = 2,
    AddLearnerNode = 3,
}
