namespace Quorate.Raft;

/// <summary>
/// The kinds of <see cref="Message"/> (spec 08 §3.3). Local kinds never cross the network and are discarded when they do.
/// </summary>
public enum MessageType
{
    Hup = 0,
    Beat = 1,
    Prop = 2,
    App = 3,
    AppResp = 4,
    Vote = 5,
    VoteResp = 6,
    Snap = 7,
    Heartbeat = 8,
    HeartbeatResp = 9,
    Unreachable = 10,
    SnapStatus = 11,
    CheckQuorum = 12,
    TransferLeader = 13,
    TimeoutNow = 14,
    ReadIndex = 15,
    ReadIndexResp = 16,
    PreVote = 17,
    PreVoteResp = 18,
    StorageAppend = 19,
    StorageAppendResp = 20,
    StorageApply = 21,
    StorageApplyResp = 22,
    ForgetLeader = 23,
}
